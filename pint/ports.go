package pint

import (
	"context"
	"time"

	"tandem/pint/party"
	"tandem/rtc"
)

// Telephony makes calls. It is the executive system of RFC 2848 §1.
type Telephony interface {
	// Connect begins a call and returns at once. tell hears what happens, one after
	// the other, Ended last; it must not block. The error says that nothing was
	// begun; then tell hears nothing.
	Connect(c Call, tell func(Progress)) (Handle, error)
}

// Handle is a call under way.
type Handle interface {
	// Proceed goes on with a call of which Call.Screen is set: the second party is
	// called, or the sounds are played.
	Proceed()
	// Speak plays WAV files to a party in place of all else; then the call ends.
	Speak(second bool, files []string)
	// Record keeps the sound of a call in which both talk, and names the file.
	Record(ctx context.Context) (file string, err error)
	// Hangup ends the call: no leg of it is left. Ended is still told.
	Hangup(by string)
}

// Call is what Telephony is to do: call the first party, and when it has answered,
// the second, and join them. Without a second party the sounds are played to the
// first, and then the call ends.
type Call struct {
	Session       string  // ID
	Payer         rtc.AOR // whose rights it uses
	First, Second Leg
	Play          []string // WAV files
	RingTime      time.Duration
	Provider      string // tsp: the telephone provider asked for
	// Screen has each party listened to when it answers: Person, Machine and
	// GreetingOver are told, and the call waits for Proceed after the first has answered.
	Screen bool
}

// Leg is one party of a Call.
type Leg struct {
	To     string // number in E.164 or as dialled, or a user's address
	Caller string // number shown; "" = that of the other party
	Name   string // shown beside it
	Hidden bool   // nothing is shown
}

// IsZero reports whether there is no such party.
func (l Leg) IsZero() bool { return l.To == "" }

// Step is what happened to a call.
type Step uint8

// The steps.
const (
	Begun         Step = iota + 1 // Call names its record
	FirstRinging                  //
	FirstAnswered                 //
	SecondRinging                 //
	Joined                        // both talk, or the sounds are played
	Person                        // a person has answered, or somebody who says nothing
	Machine                       // an answering machine has
	GreetingOver                  // it records now
	Ended                         // always last
)

// Progress is one step of a call.
type Progress struct {
	Step    Step
	Call    string // ID of its record
	Gateway string // trunk by which the second party is called
	Second  bool   // it is about the second party: of Person, Machine, GreetingOver; of Ended: it could not be reached
	// Of Ended:
	Code  int    // SIP status: 200 after a conversation
	Cause int    // Q.850
	Text  string // for people
	By    string // who ended it: "first", "second", "server", or as given to Hangup
}

// Rights says what a requester means and may do.
type Rights interface {
	// Resolve finds whom a requester means by a party. The error is a *rtc.Status
	// with a Warning that says what to do.
	Resolve(by rtc.AOR, p *party.Party) (Destination, error)
	// May reports whether the requester may have this called; nil when so. The error
	// is a *rtc.Status.
	May(by rtc.AOR, d Destination) error
	// Provider reports whether a telephone provider (tsp) is reached from here; nil when
	// so. The error is a *Refusal.
	Provider(name string) error
}

// Destination is whom a party means.
type Destination struct {
	To   string // E.164 with '+', digits of the site, or a user's address
	User rtc.AOR
	Kind string // cost class: "national", "premium"; "" for users
	Own  bool   // it is the requester: the address, or a number proved to be theirs
	Name string // of the user
	Show string // number that others may be shown; "" none
}

// Store keeps sessions durably.
type Store interface {
	// Put inserts or replaces a session, by ID; done is told once when it is on disk.
	// The error says at once that the store takes no more; then done is not told.
	Put(s *Session, done func(error)) error
	// Unfinished yields the sessions that have not ended, and those whose sink has
	// not been told everything.
	Unfinished(ctx context.Context, each func(Session)) error
	// Session finds one by ID.
	Session(ctx context.Context, id string) (Session, bool, error)
	// Origin finds the latest one of a requester that an o= line names.
	Origin(ctx context.Context, by rtc.AOR, origin string) (Session, bool, error)
	// List returns those that fit, the latest first.
	List(ctx context.Context, q Query) ([]Session, error)
	// Prune forgets ended sessions that ended before then, at most so many, and tells
	// how many.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	Watches

	// Numbers yields the numbers that users have proved to be theirs.
	Numbers(ctx context.Context, each func(OwnNumber)) error
	PutNumber(ctx context.Context, n OwnNumber) error
	DeleteNumber(ctx context.Context, user rtc.AOR, number string) error
}

// Watches keeps subscriptions to sessions durably.
type Watches interface {
	// PutWatch inserts or replaces one, by ID; done is told once when it is on disk. The
	// error says at once that the store takes no more; then done is not told.
	PutWatch(w Watch, done func(error)) error
	DeleteWatch(id string, done func(error)) error
	Watches(ctx context.Context, each func(Watch)) error
}

// Watch is one subscription to a session.
type Watch struct {
	ID      string // names it: the session and the dialog
	Session string
	By      rtc.AOR // the requester
	Until   time.Time
	Dialog  []byte // in which NOTIFYs are sent, as its owner writes it
}

// OwnNumber is a number that somebody has proved to be theirs, or an
// administrator has entered.
type OwnNumber struct {
	User   rtc.AOR
	Number string // E.164
	Since  time.Time
	How    string // "administrator", "call"
}

// Query selects sessions. Zero fields select all.
type Query struct {
	By     rtc.AOR
	State  State
	Before time.Time // created before
	Limit  int       // 0 = 100, at most 1000
}

// Most is how many sessions a Query asks for.
func (q *Query) Most() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, 1000)
}
