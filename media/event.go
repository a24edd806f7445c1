package media

import "tandem/media/bridge"

// The types of package bridge for sides and events.
type (
	// Which names a side of a session.
	Which = bridge.Which
	// Event is something the call layer may want to know of a session.
	Event = bridge.Event
	// EventKind names what happened.
	EventKind = bridge.EventKind
)

const (
	A = bridge.A // by convention the calling side
	B = bridge.B

	EventKey       = bridge.EventKey
	EventOneWay    = bridge.EventOneWay
	EventHeard     = bridge.EventHeard
	EventIdle      = bridge.EventIdle
	EventLatched   = bridge.EventLatched
	EventSecure    = bridge.EventSecure
	EventSecurity  = bridge.EventSecurity
	EventConsent   = bridge.EventConsent
	EventPlayed    = bridge.EventPlayed
	EventRecording = bridge.EventRecording
)

// ErrNoAudio means that a side has no audio that something could be played or sent into.
var ErrNoAudio = bridge.ErrNoAudio
