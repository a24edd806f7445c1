// Package service is the table of PINT services: the user part of a Request-URI,
// and what is done for it (RFC 2848 §2, §3.5.5.1). The milestones R2C, R2F and R2HC
// and the R2FB of the examples are always there; the operator changes them, and
// adds others.
package service

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what a service does.
type Kind string

// The kinds, as RFC 3055 names them.
const (
	Call    Kind = "r2c"  // two telephones are called and joined
	Fax     Kind = "r2f"  // content that the request names goes to a fax
	FaxBack Kind = "r2fb" // content that the telephone side has goes to a fax
	Hear    Kind = "r2hc" // content is spoken or played to a telephone
)

// kinds are all there are.
func kinds() []Kind { return []Kind{Call, Fax, FaxBack, Hear} }

// Leg is the party that is called first.
type Leg string

// The parties of a call: A is named in To, B in the description.
const (
	A Leg = "a"
	B Leg = "b"
)

// Reason is why a call may be tried again.
type Reason string

// The reasons.
const (
	Busy     Reason = "busy"
	NoAnswer Reason = "no-answer"
	Failed   Reason = "failed" // the network, not a person
)

// Service is one entry of the table.
type Service struct {
	Name  string // user part, in any case of letters
	Kind  Kind
	First Leg // default B: whoever asks for the call does not keep the other waiting

	Party    string        // the A party, whatever To says: "" = To says it
	CallerID [2]string     // number shown to A and to B; "" = that of the other party
	AnyParty bool          // B may be any number the requester may call; else only the requester's own
	RingTime time.Duration // of each leg, default 1 min
	MaxTalk  time.Duration // longest talk time, default 4 h

	Retries int           // how often a call is tried again, at most 10
	Pause   time.Duration // between two tries, default 1 min
	RetryOn []Reason      // default busy and no-answer

	Quiet  Quiet
	Limits Limits

	Record  Record // whether calls are recorded; default RecordNever
	Machine Action // what is done when an answering machine answers; default: nobody listens for one
	Message string // what is spoken to one in a call between two, with ActionSpeak

	// Gateways are the users who may register gateways for the service (RFC 2848 §3.5.7).
	// With any, they do it, and this server chooses among them.
	// They are addresses.
	Gateways []string
}

// Record says whether calls of a service are recorded.
type Record string

// The choices.
const (
	RecordNever  Record = "never"
	RecordAsked  Record = "asked" // when a request wants it
	RecordAlways Record = "always"
)

// Action is what is done when an answering machine answers.
type Action string

// The actions.
const (
	ActionHangup Action = "hangup" // it counts as no answer
	ActionJoin   Action = "join"   // the call goes on, as with a person
	ActionSpeak  Action = "speak"  // it is told Message, or the content, when its greeting is over
)

// Limits of one requester. Zero values take the defaults.
type Limits struct {
	PerMinute int           // requests, default 10
	AtOnce    int           // calls under way, default 3
	Waiting   int           // scheduled calls, default 100
	Same      time.Duration // the same request again so soon is refused, default 10 s
}

// Quiet is when nobody is called: "22:00" to "07:00" in Zone, wherever
// the parties are.
type Quiet struct {
	From, Until string // "" = never
	Zone        string // IANA name, "" = UTC
}

// Table finds services by name. It does not change.
type Table struct {
	byName   map[string]*Service
	brokered bool // gateways do some of them
}

// New makes a table of the built-in services and those of the operator, which
// replace built-in ones of the same name. The error names the service, the field
// and the remedy.
func New(own []Service) (*Table, error) {
	t := &Table{byName: map[string]*Service{}}
	for _, s := range []Service{{Name: "R2C", Kind: Call}, {Name: "R2F", Kind: Fax}, {Name: "R2FB", Kind: FaxBack}, {Name: "R2HC", Kind: Hear}} {
		t.byName[key(s.Name)] = complete(s)
	}
	seen := map[string]bool{}
	for _, s := range own {
		if err := check(&s); err != nil {
			return nil, err
		}
		if seen[key(s.Name)] {
			return nil, fmt.Errorf("service %s stands twice", s.Name)
		}
		seen[key(s.Name)] = true
		t.byName[key(s.Name)] = complete(s)
		t.brokered = t.brokered || len(s.Gateways) > 0
	}
	return t, nil
}

func key(name string) string { return strings.ToLower(name) }

// Find returns a service, nil when there is none of that name.
func (t *Table) Find(name string) *Service { return t.byName[key(name)] }

// Brokered reports whether gateways do any of the services.
func (t *Table) Brokered() bool { return t.brokered }

// All are the services by name.
func (t *Table) All() []*Service {
	var list []*Service
	for _, s := range t.byName {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// complete fills in the defaults.
func complete(s Service) *Service {
	if s.First == "" {
		s.First = B
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&s.RingTime, time.Minute}, {&s.MaxTalk, 4 * time.Hour}, {&s.Pause, time.Minute}, {&s.Limits.Same, 10 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&s.Limits.PerMinute, 10}, {&s.Limits.AtOnce, 3}, {&s.Limits.Waiting, 100}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if s.Record == "" {
		s.Record = RecordNever
	}
	if len(s.RetryOn) == 0 {
		s.RetryOn = []Reason{Busy, NoAnswer}
	}
	return &s
}

func check(s *Service) error {
	fault := func(field, format string, args ...any) error {
		return fmt.Errorf("service %s: %s: %s", s.Name, field, fmt.Sprintf(format, args...))
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return -1
		}
		return r
	}, s.Name)
	switch {
	case s.Name == "" || len(s.Name) > 32 || name != "":
		return fault("name", "%q is not a name; use letters, digits, points, - and _", s.Name)
	case !slices.Contains(kinds(), s.Kind):
		return fault("kind", "%q is unknown; use r2c, r2f, r2fb or r2hc", s.Kind)
	case milestone(s.Name) != "" && milestone(s.Name) != s.Kind: // RFC 2848 §3.5.5.1
		return fault("kind", "the name is reserved for %s; choose another name", milestone(s.Name))
	case s.First != "" && s.First != A && s.First != B:
		return fault("first", "%q is unknown; use a or b", s.First)
	case s.Retries < 0 || s.Retries > 10:
		return fault("retries", "%d are not possible; use 0 to 10", s.Retries)
	}
	for _, r := range s.RetryOn {
		if r != Busy && r != NoAnswer && r != Failed {
			return fault("retry_on", "%q is unknown; use busy, no-answer or failed", r)
		}
	}
	if err := s.checkAnswer(); err != nil {
		return err
	}
	if err := s.Quiet.check(); err != nil {
		return fault("quiet", "%v", err)
	}
	return nil
}

// checkAnswer checks what is done once somebody has answered.
func (s *Service) checkAnswer() error {
	switch {
	case !slices.Contains([]Record{"", RecordNever, RecordAsked, RecordAlways}, s.Record):
		return fmt.Errorf("service %s: record: %q is unknown; use never, asked or always", s.Name, s.Record)
	case !slices.Contains([]Action{"", ActionHangup, ActionJoin, ActionSpeak}, s.Machine):
		return fmt.Errorf("service %s: machine: %q is unknown; use hangup, join or speak", s.Name, s.Machine)
	case s.Kind != Call && (s.Record == RecordAsked || s.Record == RecordAlways):
		return fmt.Errorf("service %s: record: calls between two are recorded alone; leave it out", s.Name)
	case s.Kind != Call && s.Kind != Hear && s.Machine != "":
		return fmt.Errorf("service %s: machine: a fax is not talked to; leave it out", s.Name)
	case s.Machine == ActionSpeak && s.Kind == Call && strings.TrimSpace(s.Message) == "":
		return fmt.Errorf("service %s: message: is empty; write what is spoken to an answering machine", s.Name)
	}
	return nil
}

// milestone is the kind that a reserved name stands for, "" for other names.
func milestone(name string) Kind {
	for _, k := range []Kind{Call, Fax, Hear} {
		if strings.EqualFold(name, string(k)) {
			return k
		}
	}
	return ""
}

func (q Quiet) check() error {
	if _, err := time.LoadLocation(q.Zone); err != nil {
		return fmt.Errorf("zone %q is unknown; write it as Europe/Berlin", q.Zone)
	}
	if q.From == "" && q.Until == "" {
		return nil
	}
	for _, text := range []string{q.From, q.Until} {
		if _, err := time.Parse("15:04", text); err != nil {
			return fmt.Errorf("%q is not a time of day; write it as 22:00", text)
		}
	}
	return nil
}

// Over is when the quiet time that t falls into is over; zero when nobody is
// disturbed at t.
func (q Quiet) Over(t time.Time) time.Time {
	zone, err := time.LoadLocation(q.Zone)
	if err != nil || q.From == "" || q.From == q.Until {
		return time.Time{}
	}
	local := t.In(zone)
	now := local.Format("15:04")
	quiet := q.From <= now && now < q.Until
	if q.From > q.Until { // over midnight
		quiet = now >= q.From || now < q.Until
	}
	if !quiet {
		return time.Time{}
	}
	until, err := time.Parse("15:04", q.Until)
	if err != nil {
		return time.Time{}
	}
	end := time.Date(local.Year(), local.Month(), local.Day(), until.Hour(), until.Minute(), 0, 0, zone)
	if !end.After(local) {
		end = time.Date(local.Year(), local.Month(), local.Day()+1, until.Hour(), until.Minute(), 0, 0, zone)
	}
	return end
}
