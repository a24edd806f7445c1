// Package cdr holds call records: one for each call, opened when the call
// begins and closed when it ends, so that a call is known of even when the
// server did not see its end.
//
// It owns what a record says and the interface of its Store. Who writes records
// is telephony; who lists and exports them, the API.
package cdr

import (
	"context"
	"slices"
	"time"

	"tandem/rtc"
)

// Record is what is kept of one call.
type Record struct {
	ID      string // of the call
	State   State
	From    rtc.AOR // who calls: the user, or the number a trunk gave, as a tel URI
	Display string  // the caller's name
	To      string  // as dialled
	Number  string  // called, E.164 with '+'; "" for a user's address
	Called  rtc.AOR // the user called, "" for a number
	Payer   rtc.AOR // the user whose rights the call used
	Kind    string  // of number: "national"; "" for a user's address
	Trunk   string  // by which it came or left
	Tried   []Try   // destinations in order
	Story   []Step  // what happened to it between its beginning and its end

	Started  time.Time // INVITE
	Ringing  time.Time // first 18x
	Answered time.Time // 200 to the caller
	Ended    time.Time
	Held     time.Duration // one side or both were on hold, in all

	EndedBy string    // "caller", "callee", "server" or an administrator; "" when it was refused
	Code    int       // SIP status: 200 after a conversation
	Cause   int       // Q.850
	Text    string    // why, for people
	CallIDs [2]string // of the caller's leg and of the leg that was answered
	Sides   [2]Sound  // of the caller and the callee
}

// State of a call in its record.
type State string

// The states.
const (
	Open        State = "open"        // it goes on
	Completed   State = "completed"   // it was answered, and has ended
	Failed      State = "failed"      // it was not answered
	Interrupted State = "interrupted" // the server ended during it
)

// Try is one destination that was tried.
type Try struct {
	Trunk  string `json:"trunk,omitempty"`
	URI    string `json:"uri"`
	CallID string `json:"call_id,omitempty"`
	Code   int    `json:"code,omitempty"`  // its final response; 0: none
	Cause  int    `json:"cause,omitempty"` // Q.850: the one it gave, else that of Code (RFC 3398 §8.2.6.1)
	Text   string `json:"text,omitempty"`

	Began time.Time `json:"began,omitzero"` // the INVITE
	Ended time.Time `json:"ended,omitzero"` // its final response
}

// Step is something that happened to a call.
type Step struct {
	At   time.Time `json:"at"`
	What What      `json:"what"`
	Who  string    `json:"who,omitempty"` // whom it concerns: an address or a number
}

// What happened.
type What string

const (
	// CallerReached: of a call that the server makes, the party that is called first
	// has answered.
	CallerReached What = "caller_reached"
	// Transferring: the one named has begun to transfer the call.
	Transferring What = "transferring"
	// Transferred: the one named has taken the place of who transferred the call.
	Transferred What = "transferred"
	// TransferFailed: the one named could not be reached, and the call goes on as
	// before.
	TransferFailed What = "transfer_failed"
	// PickedUp: the one named has taken the call while it rang elsewhere.
	PickedUp What = "picked_up"
	// Parked: the one named has left; the other waits in the slot named.
	Parked What = "parked"
	// Retrieved: the one named has taken the parked call.
	Retrieved What = "retrieved"
	// Joined: the caller, or the one named, is in the conference named.
	Joined What = "joined"
	// Left: the one named has left; the other party goes on in the conference.
	Left What = "left"
	// Muted and Unmuted: others in the conference do not hear the caller, or do again.
	Muted   What = "muted"
	Unmuted What = "unmuted"
	// Recording and Recorded: by whom and in which file the sound is kept from then
	// on, or is no more.
	Recording What = "recording"
	Recorded  What = "recorded"
	// Recalled: the one named, who had transferred the call and hung up, is called
	// back, since nobody took it.
	Recalled What = "recalled"
	// Emergency: the call is for help; the number is named.
	Emergency What = "emergency"
	// Forwarded: the one named has sent the call on, and why.
	Forwarded What = "forwarded"
)

// MaxStory is how many steps are kept of one call.
const MaxStory = 64

// Sound is what came from one side.
type Sound struct {
	Codec   string  `json:"codec,omitempty"` // "opus"
	Packets uint64  `json:"packets,omitempty"`
	Lost    uint64  `json:"lost,omitempty"`
	Jitter  float64 `json:"jitter_ms,omitempty"`
	MOS     float64 `json:"mos,omitempty"` // 1 to 5 (ITU-T G.107); 0: unknown
}

// Talked is how long the sides talked.
func (r *Record) Talked() time.Duration {
	if r.Answered.IsZero() || r.Ended.IsZero() {
		return 0
	}
	return r.Ended.Sub(r.Answered)
}

// Delay is how long the caller waited until the other side rang or answered (post-dial
// delay), 0 when it did neither.
func (r *Record) Delay() time.Duration {
	switch {
	case !r.Ringing.IsZero():
		return r.Ringing.Sub(r.Started)
	case !r.Answered.IsZero():
		return r.Answered.Sub(r.Started)
	}
	return 0
}

// Rang is how long the other side rang, until it answered or the call ended; 0 when it
// did not ring.
func (r *Record) Rang() time.Duration {
	end := r.Answered
	if end.IsZero() {
		end = r.Ended
	}
	if r.Ringing.IsZero() || end.Before(r.Ringing) {
		return 0
	}
	return end.Sub(r.Ringing)
}

// Clone is a copy that shares nothing with r.
func (r *Record) Clone() Record {
	c := *r
	c.Tried, c.Story = slices.Clone(r.Tried), slices.Clone(r.Story)
	return c
}

// Store keeps records durably.
type Store interface {
	// Put inserts or replaces a record, by ID; done is told once when it is on
	// disk. The error says at once that the store takes no more; then done is not
	// told. Who called whom and when, From, Called and Started, stays as it was first.
	Put(r Record, done func(error)) error
	// Interrupt gives all open records the state Interrupted and this end, and
	// returns how many there were.
	Interrupt(ctx context.Context, at time.Time) (int, error)
	// List returns the records that fit, the latest first.
	List(ctx context.Context, q Query) ([]Record, error)
	// Each tells f the records that fit, the oldest first, however many there are;
	// Limit does not count. r is f's until f returns, but for its strings. It holds
	// nothing up while f works. An error of f ends it. Records that come or change
	// meanwhile may be seen or not, each once.
	Each(ctx context.Context, q Query, f func(r *Record) error) error
	// Prune deletes the records of calls that began before and do not go on, and
	// returns how many there were.
	Prune(ctx context.Context, before time.Time) (int, error)
	// Record finds one by ID.
	Record(ctx context.Context, id string) (Record, bool, error)
}

// Query selects records. Zero fields select all.
type Query struct {
	State         State
	User          rtc.AOR // as caller or called
	Trunk         string
	After, Before time.Time // Started in between; After belongs to it, Before does not
	Limit         int       // 0 = 100
}

// MaxLimit is the most records one List returns.
const MaxLimit = 1000

// Most is how many records a Query asks for.
func (q *Query) Most() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, MaxLimit)
}

// fits reports whether a record is among those asked for.
func (q *Query) fits(r *Record) bool {
	return (q.State == "" || q.State == r.State) && (q.User == "" || q.User == r.From || q.User == r.Called) &&
		(q.Trunk == "" || q.Trunk == r.Trunk) && (q.After.IsZero() || !r.Started.Before(q.After)) &&
		(q.Before.IsZero() || r.Started.Before(q.Before))
}
