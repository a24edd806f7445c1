package transaction

import (
	"bytes"
	"math"
	"slices"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Admission under load. Load is the greater of the share of MaxServer in use
// and what Config.Pressure says. Classes are shed in this order, each from its
// own load on; what is in a dialog, an emergency, marked by RFC 4412 or of a known
// sender only at the hard limit. ACK, CANCEL and responses are never shed: they end work.
//
// Not shed early: REGISTER, because a phone that cannot refresh is lost, a PUBLISH
// that goes on with a publication, because a user would seem to have left, and
// OPTIONS, because it decides whether a peer thinks us alive; all are cheap.

// class of a request, in the order of shedding.
type class uint8

const (
	classNew       class = iota // INVITE, SUBSCRIBE, PUBLISH and others outside a dialog
	classMessage                // MESSAGE
	classRegister               // REGISTER, OPTIONS, PUBLISH with SIP-If-Match
	classProtected              // within a dialog, emergency
)

// limits is the load from which a class is shed.
var limits = [...]float64{classNew: 0.80, classMessage: 0.90, classRegister: 0.97, classProtected: 1}

func (l *Layer) load() float64 {
	return max(float64(l.servers.Load())/float64(l.cfg.MaxServer), math.Float64frombits(l.pressure.Load()))
}

// admit decides about a new request.
func (l *Layer) admit(f transport.Flow, m *sip.Message) bool {
	l.goOn() // load may come with it: the pressure is measured from now on
	load := l.load()
	if load < limits[classNew] {
		return true
	}
	c := l.classify(m)
	if c == classProtected || l.cfg.Known != nil && l.cfg.Known(f, m) {
		// Pressure from elsewhere cannot refuse an emergency; running out of room can.
		return l.servers.Load() < int64(l.cfg.MaxServer)
	}
	return load < limits[c]
}

func (l *Layer) classify(m *sip.Message) class {
	if len(m.ToTag()) > 0 || l.emergency(m) {
		return classProtected
	}
	switch m.Method() {
	case sip.REGISTER, sip.OPTIONS:
		return classRegister
	case sip.PUBLISH:
		if m.Has(sip.HdrSIPIfMatch) {
			return classRegister
		}
	case sip.MESSAGE:
		return classMessage
	}
	return classNew
}

// emergency recognises calls for help: RFC 5031 service URNs, the configured
// numbers, Priority: emergency (RFC 3261 §20.26), Resource-Priority (RFC 4412).
func (l *Layer) emergency(m *sip.Message) bool {
	if m.Has(sip.HdrResourcePriority) || sip.EqualFold(m.Get(sip.HdrPriority), "emergency") {
		return true
	}
	u, err := m.Target()
	if err != nil {
		return false
	}
	if u.Kind == sip.URIOther {
		const sos = "service:sos"
		return sip.EqualFold(u.Scheme, "urn") && len(u.Opaque) >= len(sos) && sip.EqualFold(u.Opaque[:len(sos)], sos) &&
			(len(u.Opaque) == len(sos) || u.Opaque[len(sos)] == '.')
	}
	user, _, _ := bytes.Cut(u.User, []byte(";"))
	return slices.Contains(l.cfg.Emergency, string(user))
}
