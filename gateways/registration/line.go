package registration

import (
	"crypto/rand"
	"fmt"
	"time"

	"tandem/gateways"
	"tandem/rtc/digest"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// line is one registration. It belongs to the Keeper's loop.
type line struct {
	trunk  *gateways.Trunk
	shape  shape
	mark   string
	callID string
	tag    string
	seq    uint32
	auth   *digest.Client

	address int            // of the trunk, where it is registered
	flow    transport.Flow // it went by
	asked   time.Duration  // for how long
	due     time.Time      // the next REGISTER
	alive   time.Time      // the next keep-alive
	busy    bool           // a REGISTER is under way
	bad     bool           // the trunk's health was bad when last looked at
	over    bool           // it is being undone
	known   time.Time      // until then the provider has us, whatever it answered since
	state   State
}

// shape is what of a trunk a registration is made of: another one begins anew.
type shape struct {
	address, hosts string
	kind           gateways.Register
	digest         gateways.Digest
	expires        time.Duration
}

func shapeOf(t *gateways.Trunk) shape {
	return shape{t.AddressOfRecord(), fmt.Sprint(t.Addresses), t.Register, t.Digest, t.RegisterFor}
}

func newLine(t *gateways.Trunk, mark string, now time.Time) *line {
	l := &line{trunk: t, shape: shapeOf(t), mark: mark, callID: rand.Text(), tag: rand.Text()[:16], asked: t.RegisterFor, due: now,
		state: State{Trunk: t.Name, Address: t.AddressOfRecord(), Phase: Trying, Since: now}}
	if d := t.Digest; d.User != "" {
		l.auth = digest.NewClient(func(realm string) (digest.Login, bool) {
			return digest.Login{User: d.User, Password: string(d.Secret)}, d.Realm == "" || d.Realm == realm
		})
	}
	return l
}

// register is the REGISTER for so long; 0 undoes the registration.
func (l *line) register(expires time.Duration) uac.Outside {
	t := l.trunk
	aor := "<" + t.AddressOfRecord() + ">"
	o := uac.Outside{
		Method: "REGISTER",
		Way:    uac.Way{URI: "sip:" + t.Host(), Next: t.Addresses[l.address], Peer: t.Name},
		From:   aor + ";tag=" + l.tag, To: aor, CallID: l.callID, Seq: l.seq + 1,
		Contact: &uac.Contact{User: t.User(), URI: ";" + markParam + "=" + l.mark},
		Auth:    l.auth,
		Timeout: registerWait,
		Content: uac.Content{Header: fmt.Appendf(nil, "Expires: %d\r\nSupported: path\r\n", int(expires.Seconds()))},
	}
	if t.Register == gateways.RegisterBulk { // RFC 6140 §5.1
		o.Contact.User, o.Contact.URI = "", ";bnc"+o.Contact.URI
		o.Header = fmt.Appendf(nil, "Expires: %d\r\nSupported: path\r\nRequire: gin\r\nProxy-Require: gin\r\n", int(expires.Seconds()))
	}
	if l.flow.Alive() && l.flow.ID() != 0 {
		o.Flow = l.flow // the connection calls come by (RFC 5626 §4.2)
	}
	return o
}
