package pint

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/test/harness"
)

// TestPINTExtensions: either party may be an extension. One's own is one's own number,
// and nobody pays for a colleague's.
func TestPINTExtensions(t *testing.T) {
	r, _, _, _ := pintRig(t)
	phone := map[string]*harness.Wire{}
	for user, extension := range map[string]string{"ann": "100", "ben": "200"} {
		u := directory.AddUser{AOR: rtc.AOR("sip:" + user + "@" + harness.Domain), Password: harness.Password, Extension: extension}
		if _, err := r.S.Directory().Add(harness.Soon(t), u); err != nil {
			t.Fatal(err)
		}
		phone[user] = r.Dial(t, "udp")
		phone[user].Register(user)
	}
	code, asked, _ := r.HTTP(t, "POST", "/pint/calls", `{"user":"ann","a":"200","b":"100"}`)
	if code != 201 {
		t.Fatal(code, asked)
	}
	ann, ben := phone["ann"], phone["ben"]
	ann.Answer(ann.Request("INVITE"), 200, "a", 30000)
	ann.Request("ACK")
	if m := ben.Request("INVITE"); !strings.HasPrefix(string(m.RequestURI()), "sip:ben@") {
		t.Errorf("A is called as %s", m.RequestURI())
	} else {
		ben.Reply(m, 486, "e", "", "")
	}
	ann.Reply(ann.Request("BYE"), 200, "", "", "")
	if code, p, _ := r.HTTP(t, "POST", "/pint/calls", `{"user":"ann","a":"100","b":"200"}`); code != 403 {
		t.Error("somebody else's extension as one's own:", code, p)
	}
}
