package phones

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/boot"
	"tandem/interop/device"
	"tandem/sipphone/workpoint"
	"tandem/test/harness"
)

// TestEveryFamilyIsTried: each family that the server knows is played by a simulated
// phone, but for baresip, which is the real program (interop/peers), and for those
// that ask for nothing.
func TestEveryFamilyIsTried(t *testing.T) {
	o := newOffice(t, nil)
	played := map[string]bool{"baresip": true}
	for _, p := range boot.Phones() {
		played[p.Family] = true
	}
	for _, f := range o.Phones().Families().All() {
		if played[f.Name] == (len(f.Files) == 0) {
			t.Errorf("%s: it has %d files, and it is played: %v", f.Name, len(f.Files), played[f.Name])
		}
	}
}

// TestTypedPasswords: a phone that asks for no files registers with the password that
// its owner reads from the server and types.
func TestTypedPasswords(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	o.phone("00e0bb000001", "3com", nil, "alice")
	r := harness.SocketClient(t, o.Server).Do("POST", "/phones/00e0bb000001/secrets", "")
	lines, _ := r.Body["lines"].([]any)
	if r.Code >= 300 || len(lines) != 1 {
		t.Fatalf("%d %s", r.Code, r.Text)
	}
	password, _ := lines[0].(map[string]any)["password"].(string)
	who := device.Identity{User: "alice", Password: password, Domain: "127.0.0.1"}
	if err := device.New(o.dialect(t, "3com-3102"), o.end(t), who, harness.Patience).Register(t.Context()); err != nil {
		t.Error(err)
	}
	if p, _ := o.Phones().Inventory.Get("00e0bb000001"); !slices.Equal(o.Phones().Registered(&p), []bool{true}) {
		t.Error("its line is not registered")
	}
	if r := harness.SocketClient(t, o.Server).Do("GET", "/phones/00e0bb000001", ""); r.Body["state"] != "registered" || r.Body["firmware"] != "V7.1.53.53" || r.Body["agent"] != "3Com-SIP-Phone/V7.1.53.53" || r.Body["from"] != "127.0.0.1" {
		t.Errorf("it is shown as %s", r.Text)
	}
	if strings.Contains(o.log.String(), password) {
		t.Error("the log has the password")
	}
}

const unifyMAC = "0001e3000001"

// comes is the message of an OpenStage that comes for a reason.
func comes(reason, mac string) []byte {
	return fmt.Appendf(nil, `<WorkpointMessage xmlns="http://www.siemens.com/DLS"><Message nonce="A1"><ReasonForContact>%s</ReasonForContact><ItemList>`+
		`<Item name="device-type">OpenStage 60</Item><Item name="software-version">V3 R5.13.0</Item><Item name="mac-addr">%s</Item></ItemList></Message></WorkpointMessage>`, reason, mac)
}

// TestWorkpoint: the messages by which Unify's phones are set up obey the rules of
// files: the window, the network, the inbox. Who gets nothing is told that nothing is
// to do.
func TestWorkpoint(t *testing.T) {
	o := newOffice(t, nil)
	o.user("alice")
	o.phone(unifyMAC, "unify", nil, "alice")
	o.phone(alicesMAC, "yealink", nil, "alice")
	post := func(way string, body []byte) (int, string) {
		return o.send(http.MethodPost, way, workpoint.Path, "", body)
	}
	for _, c := range []struct {
		what, way string
		body      []byte
		code      int
		action    string
	}{
		{"within the window", "https", comes("start-up", "00:01:E3:00:00:01"), 200, "WriteItems"},
		{"told to come", "http", comes("solicited", unifyMAC), 200, "WriteItems"},
		{"an answer", "https", comes("reply-to", unifyMAC), 200, "CleanUp"},
		{"one nobody knows", "https", comes("start-up", "0001e3000009"), 200, "CleanUp"},
		{"one of another family", "https", comes("start-up", alicesMAC), 200, "CleanUp"},
		{"one without a MAC", "https", comes("start-up", ""), 200, "CleanUp"},
		{"no message", "https", []byte("<x/>"), 400, ""},
		{"a bomb", "https", []byte(`<!DOCTYPE a [<!ENTITY b "c">]><WorkpointMessage><Message nonce="1"/></WorkpointMessage>`), 400, ""},
		{"a huge one", "https", bytes.Repeat([]byte("<Item/>"), workpoint.MaxMessage), 413, ""},
	} {
		code, text := post(c.way, c.body)
		if code != c.code || c.action != "" && !strings.Contains(text, "<Action>"+c.action+"</Action>") || strings.Contains(text, "sip-pwd") != (c.action == "WriteItems") {
			t.Errorf("%s: %d %.300s", c.what, code, text)
		}
	}
	if u := o.Phones().Inventory.Inbox(); len(u) != 1 || u[0].MAC != "0001e3000009" || u[0].Family != "unify" || u[0].Model != "OpenStage 60" {
		t.Errorf("inbox %+v", u)
	}
	if seen, _ := o.Phones().Inventory.LastSeen(unifyMAC); seen.Model != "OpenStage 60" || seen.Firmware != "V3 R5.13.0" {
		t.Errorf("seen %+v", seen)
	}
	if !harness.Holds(func() bool {
		diff, err := o.Phones().Desk.Diff(t.Context(), unifyMAC)
		return err == nil && diff == ""
	}) {
		t.Error("it has its items, and yet they differ")
	}
	o.shut(unifyMAC)
	if _, text := post("https", comes("start-up", unifyMAC)); !strings.Contains(text, "CleanUp") {
		t.Errorf("after the window: %s", text)
	}
	far := newOffice(t, func(c *config.Config) { c.Phones.Networks = []string{"192.0.2.0/24"} })
	far.user("alice")
	far.phone(unifyMAC, "unify", nil, "alice")
	if _, text := far.send(http.MethodPost, "https", workpoint.Path, "", comes("start-up", unifyMAC)); !strings.Contains(text, "CleanUp") {
		t.Errorf("from another network: %s", text)
	}
}
