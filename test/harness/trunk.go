package harness

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/gatewaysim"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
)

// Exchange is a house in Germany.
func Exchange(cfg *config.Config) { cfg.Numbers.Country = "DE" }

// Gateway starts an independent gateway, which takes G.711 alone, and a trunk
// to it that takes PCMU alone.
func (r *Rig) Gateway(t *testing.T, name string, change func(*gateways.Trunk)) *gatewaysim.Gateway {
	t.Helper()
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.Trunk(t, name, g.URI(), change)
	return g
}

func (r *Rig) Trunk(t *testing.T, name, uri string, change func(*gateways.Trunk)) {
	t.Helper()
	trunk := gateways.Trunk{Name: name, Addresses: []string{uri}, Prefixes: []string{"+49"}, Codecs: []string{"PCMU"}}
	if change != nil {
		change(&trunk)
	}
	if err := r.S.Trunks().Add(Soon(t), trunk); err != nil {
		t.Fatal(err)
	}
}

// Records waits until n calls have ended, and returns their records, the latest
// first.
func (r *Rig) Records(t *testing.T, n int) []cdr.Record {
	t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		list, err := r.S.Records().List(Soon(t), cdr.Query{})
		if err != nil {
			t.Fatal(err)
		}
		open := r.S.Exchange().Active() + n - len(list)
		for _, rec := range list {
			if rec.State == cdr.Open {
				open++
			}
		}
		if open == 0 {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls do not end: %+v", open, list)
		}
	}
}

// SDPOf describes one audio stream at a port of this machine.
func SDPOf(port int, formats string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\na=sendrecv\r\n", port, formats)
}

const SDPType = "Content-Type: application/sdp\n"

// Answer answers an INVITE like a device does.
func (w *Wire) Answer(m *sip.Message, code int, tag string, port int) {
	w.T.Helper()
	body, lines := "", "Contact: "+w.Contact("device")+"\n"
	if port != 0 {
		body, lines = SDPOf(port, "0"), lines+SDPType
	}
	w.Reply(m, code, tag, lines, body)
}

// DialNumber sends the INVITE of a registered user for a number, with an offer.
func (w *Wire) DialNumber(user, number string) (callID string) {
	w.T.Helper()
	return w.Ask("INVITE", user, "sip:"+number+"@"+Domain, SDPType, SDPOf(30000, "0 8"))
}

// RawTrunk is a trunk to a gateway that says what the test has it say.
func (r *Rig) RawTrunk(t *testing.T, name string, change func(*gateways.Trunk)) *Wire {
	t.Helper()
	w := DialUDP(t, r.Addr["udp"])
	r.Trunk(t, name, "sip:"+w.Local.String(), func(trunk *gateways.Trunk) {
		trunk.Probe = dialect.ProbeOff // a test says itself what it answers
		if change != nil {
			change(trunk)
		}
	})
	return w
}

// CallIn sends the INVITE of a gateway for a number or a user.
func (w *Wire) CallIn(from, to, lines string) (callID string) {
	w.T.Helper()
	id, body := Unique(), SDPOf(30004, "0")
	w.Send(strings.ReplaceAll(fmt.Sprintf("INVITE sip:%s@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 INVITE\nContact: %s\n%s%sContent-Length: %d\n\n",
		to, w.To, w.Via(), from, w.Local, Unique(), to, w.To, id, w.Contact(from), lines, SDPType, len(body)), "\n", "\r\n") + body)
	return id
}
