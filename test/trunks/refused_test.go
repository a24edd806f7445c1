package trunks

import (
	"testing"

	"tandem/gateways"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// TestRefusedCallsAreRecorded: a call that rings nobody has its record all the same,
// whether a user or a trunk made it, and says why.
func TestRefusedCallsAreRecorded(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	if err := r.S.Directory().AddAlias(t.Context(), "sip:bob@"+harness.Domain, "tel:+49305550100"); err != nil {
		t.Fatal(err)
	}
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Channels, t.ChannelsIn = 2, 1 })
	alice := r.Dial(t, "udp")
	recorded := func(n int, id string, code, cause int) cdr.Record {
		t.Helper()
		list := r.Records(t, n)
		if len(list) != n {
			t.Fatalf("%d records, want %d: %+v", len(list), n, list)
		}
		rec := recordOf(t, list, id)
		if rec.State != cdr.Failed || rec.Code != code || rec.Cause != cause || rec.Ended.IsZero() {
			t.Errorf("record %+v, want %d with cause %d", rec, code, cause)
		}
		return rec
	}
	refused := func(w *harness.Wire, id string, code int) string {
		t.Helper()
		if m := w.Final(id, "INVITE"); m.StatusCode() != code {
			t.Fatalf("answered\n%s\nwant %d", m.Bytes(), code)
		}
		return id
	}

	id := refused(gateway, gateway.CallIn("+491701234567", "+49305550199", ""), 404)
	if rec := recorded(1, id, 404, 1); rec.Trunk != "berlin" || rec.Number != "+49305550199" || rec.From != "tel:+491701234567" {
		t.Errorf("nobody's number: %+v", rec)
	}
	id = refused(gateway, gateway.CallIn("+491701234567", "+49305550100", ""), 480)
	if rec := recorded(2, id, 480, 18); rec.Called != "sip:bob@"+harness.Domain {
		t.Errorf("a user without a phone: %+v", rec)
	}
	id = refused(alice, alice.Ask("INVITE", "alice", harness.BobURI, harness.SDPType, harness.SDPOf(30000, "0")), 480)
	if rec := recorded(3, id, 480, 18); rec.Called != "sip:bob@"+harness.Domain || rec.Payer != "sip:alice@"+harness.Domain {
		t.Errorf("a user without a phone: %+v", rec)
	}
	id = refused(gateway, gateway.CallIn("anonymous", "+49305550199", ""), 404)
	if rec := recorded(4, id, 404, 1); rec.From != "" {
		t.Errorf("who shows no number called from %q", rec.From)
	}

	bob := r.Dial(t, "udp")
	bob.Register("bob")
	first := gateway.CallIn("+491701234567", "+49305550100", "")
	invite := bob.Request("INVITE")
	second := gateway.CallIn("+491701234568", "+49305550100", "")
	m := gateway.Final(second, "INVITE")
	if m.StatusCode() != 503 || harness.Header(m, "Reason") != `Q.850;cause=34;text="No channel is free"` {
		t.Errorf("the gateway, whose channel is taken, is told\n%s", m.Bytes())
	}
	bob.Reply(invite, 486, "b", "", "")
	refused(gateway, first, 486)
	var full bool
	for _, rec := range r.Records(t, 6) {
		full = full || rec.From == "tel:+491701234568" && rec.Code == 503 && rec.Cause == 34 && rec.Trunk == "berlin"
	}
	if !full {
		t.Error("there is no record of the call for which no channel was free")
	}
}
