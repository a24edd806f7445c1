package calls

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// TestUsersCallEachOther: as the server is installed, a browser and a phone that knows
// no encryption call each other, each offered what it can take, and the calls are among
// those of the server and in its records.
func TestUsersCallEachOther(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { cfg.Telephony = config.Default().Telephony })
	r.User("alice", "bob")
	browser, phone := r.Dial(t, "wss"), r.Dial(t, "udp")
	browser.Register("alice")
	phone.Register("bob")
	for _, c := range []struct {
		from, to       *harness.Wire
		caller, called string
	}{{browser, phone, "alice", "bob"}, {phone, browser, "bob", "alice"}} {
		a := r.Invites(c.from, c.caller, "sip:"+c.called+"@"+harness.Domain, 31000)
		invite := c.to.Request("INVITE")
		offer := string(invite.Body())
		if dtls := strings.Contains(offer, "UDP/TLS/RTP/SAVPF") && strings.Contains(offer, "a=fingerprint:"); dtls != (c.to == browser) {
			t.Errorf("%s is offered\n%s", c.called, offer)
		}
		b := &harness.Talker{Wire: c.to, User: c.called, Port: 31002, Seq: 10}
		b.Accept(invite)
		b.Expect("ACK")
		a.Connected()
		if n := len(r.S.Exchange().Calls()); n != 1 {
			t.Errorf("%d calls are listed", n)
		}
		a.HangsUp()
		b.Ok("BYE", "", "")
		r.NothingLeft(t)
	}
	for _, rec := range r.Records(t, 2) {
		if rec.State != cdr.Completed || rec.EndedBy != "caller" {
			t.Errorf("record %+v", rec)
		}
	}
}
