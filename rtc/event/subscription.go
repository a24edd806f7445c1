package event

import (
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// leg is the dialog of subscriptions, usually of one. What is not said to be
// guarded never changes.
type leg struct {
	callID, local, remote string
	from, to              string // header values of our requests
	routes                string // Route values joined by ", "
	peer                  string // the gateway it may reach, see Config.Permit
	secure                bool   // it began with a sips URI

	mu sync.Mutex
	// Guarded by mu:
	first     *subscription // of those in the dialog, by sibling
	target    string
	flow      transport.Flow // by which the subscriber was last heard
	remoteSeq uint32
	seq       uint32 // of our last NOTIFY
	reserved  uint32 // seq may grow to this: the disk knows
	reserving bool
	secret    int64 // by which the subscriber proved last who he is, see rtc.Identity
}

// subscription is one subscription. Its topic's shard guards what is not
// constant.
type subscription struct {
	topic   *topic
	leg     *leg // nil for one inside the process, see list
	sibling *subscription
	list    *list   // what it is about is a list; nil: its topic
	parent  *member // of the list that this one inside the process is for
	user    *user   // who subscribed
	id      string  // of its Event header
	view    string
	reason  string // of the end, "" while it goes on
	kind    uint8  // of its documents, in the package's Types

	proved   bool // who it is
	pending  bool
	dirty    bool // there is something to send
	force    bool // it is sent even if the document is the one shown, and at once
	whole    bool // no mere difference may be sent
	inflight bool // a NOTIFY has no answer yet
	listed   bool // in topic.ready
	fetch    bool // it is over with its first NOTIFY, and on no disk
	fails    uint8

	row     int64     // on disk
	place   int32     // in topic.subs, -1 when it is not there
	at      int32     // in the heap of the shard, -1 when it is not there
	shown   uint64    // mark of the document the subscriber has, 0 = none
	has     condition // that he has stated
	base    uint32    // of sequence numbers: what documents count from
	granted uint32    // seconds
	rates   rates
	count   float32 // of NOTIFYs, see rates.sent
	next    int64   // unix ms, no NOTIFY before
	until   int64   // unix ms, when it ends
	disk    int64   // unix ms, when it ends as the disk knows
	due     int64   // unix ms, when something is to be done
	key     int64   // place in the heap: due, or earlier
}

func newSubscription() *subscription { return &subscription{place: -1, at: -1} }

// touch notes that there is something to send. force: at once, and even if it is
// nothing new. The shard is locked.
func (s *subscription) touch(now int64, force bool) {
	s.dirty = true
	s.force = s.force || force
	s.settle(now)
}

// settle puts a subscription where it belongs: among those that send now, or
// into the heap. The shard is locked.
func (s *subscription) settle(now int64) {
	if s.place < 0 {
		return
	}
	due := s.force || s.next <= now || s.parent != nil // the list's subscription waits, its members need not
	if s.dirty && !s.inflight && due {
		if !s.listed {
			s.listed = true
			s.topic.ready = append(s.topic.ready, s)
		}
	}
	if s.parent != nil {
		return // it ends with its list
	}
	when := s.until
	if s.dirty && !s.inflight && !s.listed {
		when = min(when, s.next)
	} else if silence := s.rates.silence(s.count); silence > 0 && !s.dirty && s.reason == "" && s.has != asleep {
		when = min(when, s.next-int64(s.rates.interval)+silence)
	}
	if s.reason != "" && !s.dirty {
		s.topic.shard.due.remove(s)
		return
	}
	s.topic.shard.due.set(s, when)
	s.topic.shard.alarm.by(when)
}

// end notes the reason of the end, and that it is to be told. The shard is
// locked.
func (s *subscription) end(reason string, now int64) {
	if s.reason == "" {
		s.reason = reason
		s.until = max(s.until, now+64*1000) // the last NOTIFY may take so long
		s.touch(now, true)
	}
}

// State of a subscription (RFC 6665 §4.1.3).
type State string

// The states.
const (
	Active     State = "active"
	Pending    State = "pending"
	Terminated State = "terminated"
)

// Subscription is what is to be known of one.
type Subscription struct {
	ID       string // names it, in this server
	Package  string
	Resource rtc.AOR
	Watcher  rtc.AOR
	Proved   bool // it is he who subscribed
	State    State
	Reason   string // why it is terminated
	View     string
	Type     string // of its documents
	List     bool   // it is about a list
	InList   bool   // it is part of the watcher's subscription to a list
	Contact  string // where NOTIFYs go
	Expires  time.Time
	CallID   string
}

// info describes a subscription. The shard is locked.
func (s *subscription) info() Subscription {
	out := Subscription{Package: s.topic.pkg.Name, Resource: s.about(), Watcher: s.user.aor, Proved: s.proved, State: Active, Reason: s.reason,
		View: s.view, List: s.list != nil, InList: s.parent != nil, Expires: time.UnixMilli(s.until)}
	if len(s.topic.pkg.Types) > 0 {
		out.Type = s.topic.pkg.Types[s.kind]
	}
	switch {
	case s.reason != "":
		out.State = Terminated
	case s.pending:
		out.State = Pending
	}
	l := s.leg
	if s.parent != nil {
		l = s.parent.of.leg
		out.Expires = time.UnixMilli(s.parent.of.until)
	}
	l.mu.Lock()
	out.Contact = l.target
	l.mu.Unlock()
	out.CallID = l.callID
	if s.parent == nil {
		out.ID = strconv.FormatInt(s.row, 36)
	} else {
		out.ID = strconv.FormatInt(s.parent.of.row, 36) + "/" + string(s.topic.resource)
	}
	return out
}

// contact is ours in its dialog.
func (s *subscription) contact() uac.Contact {
	c := uac.Contact{Secure: s.leg.secure}
	if s.topic.pkg.Focus && s.list == nil {
		c.User, c.Params = s.topic.resource.User(), ";isfocus"
	}
	return c
}

// about is the address that was subscribed to.
func (s *subscription) about() rtc.AOR {
	if s.list != nil {
		return s.list.resource
	}
	return s.topic.resource
}
