package auth

import (
	"testing"

	"tandem/rtc"
	"tandem/rtc/peers"
)

// A peer needs no credentials, except to register. A user behind its address uses his
// own, and a peer may be recognized by credentials alone.
func TestPeers(t *testing.T) {
	table := peers.New(nil, nil)
	table.Set("trunks", []peers.Peer{{Name: "gw", Gateway: true, Users: []rtc.AOR{"sip:100@example.com"}, Rights: rtc.Asserts, Numbers: []string{"+4930"}}})
	gw := &peers.Peer{Name: "gw", Numbers: []string{"+4930"}}
	id := &rtc.Identity{Method: rtc.AuthTrusted, Peer: "gw", Rights: rtc.Asserts}
	f := newFixture(t, func(c *Config) { c.Peers = table })
	from := func(r request) verdict {
		f.send(r)
		return f.decide(f.last, sender{peer: gw, identity: id}, f.now, f.newWork())
	}
	for _, c := range []struct {
		name, from string
		lines      []string
		code       int
	}{
		{"its number", "sip:+493012@gw.example", nil, 0},
		{"its number in digits", "sip:4930-12@gw.example", nil, 0},
		{"its number as tel", "tel:+49.30.12;phone-context=x", nil, 0},
		{"no number", "sip:pbx@gw.example", nil, 0},
		{"another number", "sip:+1900@gw.example", nil, 403},
		{"another number, in disguise", "sip:%2B1(900)@gw.example", nil, 403},
		{"another number, asserted", "sip:pbx@gw.example", []string{"P-Asserted-Identity: <sip:+1900@gw.example>"}, 403},
		{"another number, asserted last", "sip:pbx@gw.example", []string{"P-Asserted-Identity: <sip:+4930@gw.example>, <tel:+1900>"}, 403},
	} {
		v := from(message(c.from, "sip:alice@example.com").with(c.lines...))
		if c.code == 0 && v.identity != id || c.code != v.code {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	if v := from(register("alice")); v.act != actAsk {
		t.Errorf("it registers alice: %+v", v)
	}
	r, _ := f.login(register("alice"), "alice", password)
	f.wantIdentity(from(r), "sip:alice@example.com")
	r, _ = f.login(message("sip:alice@example.com", "sip:bob@example.com"), "alice", password)
	f.wantIdentity(from(r), "sip:alice@example.com")
	if _, v := f.login(message("sip:+493012@elsewhere.example", "tel:+49301"), "100", password); v.identity == nil || v.identity.Peer != "gw" || !v.identity.Rights.Has(rtc.Asserts) {
		t.Errorf("by credentials: %+v", v)
	}
	if _, v := f.login(message("sip:+1900@elsewhere.example", "tel:+49301"), "100", password); v.code != 403 {
		t.Errorf("by credentials, as another number: %+v", v)
	}
}
