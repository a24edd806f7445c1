package pint

import (
	"errors"
	"maps"
	"slices"
	"time"

	"tandem/pint/party"
	"tandem/pint/service"
	"tandem/rtc"
)

// State is how far a session has come.
type State string

// The states, in the order in which they follow each other. The last three are
// final.
const (
	Accepted  State = "accepted"  // taken on; the client has not confirmed it by its ACK
	Scheduled State = "scheduled" // waits for its time, or for the next try
	Dialling  State = "dialling"  // the first party is called
	Joining   State = "joining"   // the first party has answered, the second is called
	Connected State = "connected" // both talk, or one hears
	Completed State = "completed"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Final reports whether nothing will happen any more.
func (s State) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// Active reports whether telephones are involved now.
func (s State) Active() bool { return s == Dialling || s == Joining || s == Connected }

// Door is how a request came.
type Door string

// The doors.
const (
	SIP    Door = "sip"
	REST   Door = "rest"
	CAMARA Door = "camara"
)

// Order is what somebody asks for.
type Order struct {
	Service  string       `json:"service"`
	Kind     service.Kind `json:"kind"`
	Door     Door         `json:"door"`
	By       rtc.AOR      `json:"by"`               // the user whose rights the calls use
	Client   string       `json:"client,omitempty"` // who asked, for the audit: a token, an address
	A, B     party.Party
	Provider string `json:"provider,omitempty"` // tsp
	// First is the party that is called first.
	First service.Leg `json:"first,omitempty"`
	At    time.Time   `json:"at,omitzero"`    // when to begin, UTC; zero: at once
	Until time.Time   `json:"until,omitzero"` // it is of no use later; zero: not said
	Zone  string      `json:"zone,omitempty"` // IANA name of the zone At was given in
	// Content is what is spoken, played or sent, one after the other.
	Content  []Content     `json:"content,omitempty"`
	Language string        `json:"language,omitempty"`
	CallerID [2]string     `json:"caller_id,omitzero"` // shown to A and to B; "" = the other party's number
	RingTime time.Duration `json:"ring_time,omitempty"`
	MaxTalk  time.Duration `json:"max_talk,omitempty"`
	Record   bool          `json:"record,omitempty"` // the sound is to be kept
	Retries  int           `json:"retries,omitempty"`
	Pause    time.Duration `json:"pause,omitempty"`

	Origin      string `json:"origin,omitempty"`      // key of the o= line; names the session for SUBSCRIBE
	Description string `json:"description,omitempty"` // as it was sent
	CallID      string `json:"call_id,omitempty"`     // of the INVITE
	Tag         string `json:"tag,omitempty"`         // ours in its dialog

	Sink   Sink              `json:"sink,omitzero"`
	Labels map[string]string `json:"labels,omitempty"` // the client's own
}

// Content is one piece of what a request names.
type Content struct {
	Media string `json:"media,omitempty"` // "text/plain", "audio/wav"; "" = not said
	URI   string `json:"uri,omitempty"`   // where it is fetched from
	Part  []byte `json:"part,omitempty"`  // or it came along
	// Opaque is known to the telephone side alone (opr:). It may be a credential and
	// is never logged.
	Opaque string `json:"opaque,omitempty"`
}

// Sink is where the events of one session are sent.
type Sink struct {
	URL    string `json:"url,omitempty"`
	Token  string `json:"token,omitempty"`  // sent as bearer token
	Secret []byte `json:"secret,omitempty"` // signs the events
}

// Session is an order that was accepted, and what became of it.
type Session struct {
	ID string `json:"id"` // unguessable
	Order

	State   State  `json:"state"`
	Info    string `json:"info,omitempty"` // for people: "A ringing"
	Code    int    `json:"code,omitempty"` // SIP status of its end
	Cause   int    `json:"cause,omitempty"`
	EndedBy string `json:"ended_by,omitempty"`
	// Missed is the party that could not be reached, "" when that was not the reason.
	Missed service.Leg `json:"missed,omitempty"`

	Created   time.Time `json:"created"`
	Due       time.Time `json:"due,omitzero"` // of the next try
	Started   time.Time `json:"started,omitzero"`
	Connected time.Time `json:"connected,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Tries     int       `json:"tries,omitempty"`
	Calls     []string  `json:"calls,omitempty"` // IDs of their records
	Gateway   string    `json:"gateway,omitempty"`
	Recording string    `json:"recording,omitempty"` // file of the sound
	// Machine is the party whose answering machine answered, "" when none did.
	Machine service.Leg `json:"machine,omitempty"`

	Events []Event `json:"events"`
	Told   int     `json:"told,omitempty"` // so many events the sink has taken
}

// Event is one step of a session.
type Event struct {
	Time  time.Time `json:"time"`
	State State     `json:"state"`
	Info  string    `json:"info,omitempty"`
}

// MaxEvents of a session. A session with all its tries has fewer.
const MaxEvents = 128

// Clone is a copy that shares nothing with s that may change.
func (s *Session) Clone() Session {
	c := *s
	c.Events, c.Calls, c.Labels = slices.Clone(s.Events), slices.Clone(s.Calls), maps.Clone(s.Labels)
	return c
}

// Party is A or B.
func (o *Order) Party(l service.Leg) *party.Party {
	if l == service.A {
		return &o.A
	}
	return &o.B
}

// Stoppable is nil when the session can be stopped now, else why it cannot: a fax
// under way goes on (RFC 2848 §3.5.8).
func (s *Session) Stoppable() error {
	if s.State.Active() && (s.Kind == service.Fax || s.Kind == service.FaxBack) {
		return ErrFaxing
	}
	return nil
}

// ErrFaxing is why a fax cannot be stopped.
var ErrFaxing = errors.New("Fax in progress, service cannot be aborted") //lint:ignore ST1005 the text of RFC 2848

// Talked is how long the parties talked.
func (s *Session) Talked() time.Duration {
	if s.Connected.IsZero() || s.Ended.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Connected)
}

// Unfinished reports whether something is left to do: a call, or events to tell.
func (s *Session) Unfinished() bool {
	return !s.State.Final() || s.Sink.URL != "" && s.Told < len(s.Events)
}
