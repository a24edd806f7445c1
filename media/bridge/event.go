package bridge

import (
	"net/netip"
	"time"

	"tandem/media/dtmf"
)

// Event is something the call layer may want to know about a session. Kind determines
// which of the other fields are set.
type Event struct {
	Kind EventKind
	Side Which
	// Branch is the name of the branch concerned; "" for a side of the session,
	// including a branch that is heard.
	Branch string
	Line   int           // m-line, from 0
	Key    dtmf.Event    // EventKey
	For    time.Duration // EventOneWay, EventIdle: how long nothing came
	Addr   netip.AddrPort
	Err    error // EventSecurity, EventRecording
}

// EventKind names what happened.
type EventKind uint8

const (
	EventKey       EventKind = iota + 1 // a key was pressed by Side
	EventOneWay                         // nothing heard from Side though it should send
	EventHeard                          // Side is heard (again)
	EventIdle                           // no side sends anything: after Plant.Idle where one should, else Plant.Held
	EventLatched                        // Side's packets come from Addr, not from where it said
	EventSecure                         // Side's media is protected (DTLS done)
	EventSecurity                       // Side's media could not be protected: Err
	EventConsent                        // Side's ICE consent stopped
	EventPlayed                         // what was played to Side ended
	EventRecording                      // the recording stopped by itself: Err
)

func (k EventKind) String() string {
	names := [...]string{"", "key", "one-way", "heard", "idle", "latched", "secure", "security failed", "consent lost", "played", "recording stopped"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}
