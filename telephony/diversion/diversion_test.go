package diversion

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
)

func hop(name string, r Reason) Hop {
	return Hop{User: rtc.AOR("sip:" + name + "@example.com"), Name: name, URI: "sip:" + name + "@example.com", Reason: r}
}

// The headers name the last first, and the history in its order.
func TestLines(t *testing.T) {
	c, err := Chain{}.Add(hop("alice", Unconditional))
	if err == nil {
		c, err = c.Add(hop("bob", NoAnswer))
	}
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`Diversion: "bob" <sip:bob@example.com>;reason=no-answer;counter=1;privacy=off
Diversion: "alice" <sip:alice@example.com>;reason=unconditional;counter=1;privacy=off
History-Info: <sip:alice@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:bob@example.com?Reason=SIP%3Bcause%3D408>;index=1.1;mp=1, <sip:carol@example.com>;index=1.1.1;mp=1.1
`, "\n", "\r\n")
	if got := string(c.Lines("sip:carol@example.com")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (Chain{}).Lines("sip:carol@example.com"); got != nil {
		t.Errorf("of nobody: %q", got)
	}
}

// Who is not to be shown is marked so for trunks, and not named to phones.
func TestPrivate(t *testing.T) {
	hidden := hop("bob", Busy)
	hidden.Private = true
	c, err := Chain{}.Add(hidden)
	if err == nil {
		c, err = c.Add(hop("dave", Busy))
	}
	if err != nil {
		t.Fatal(err)
	}
	shown := string(c.Shown().Lines("sip:carol@example.com"))
	if strings.Contains(shown, "bob") || !strings.Contains(shown, `"dave" <sip:dave@example.com>`) {
		t.Errorf("phones are told\n%s", shown)
	}
	trunk := string(c.Lines("sip:carol@example.com"))
	for _, want := range []string{
		`"bob" <sip:bob@example.com>;reason=user-busy;counter=1;privacy=full`, `"dave" <sip:dave@example.com>;reason=user-busy;counter=1;privacy=off`,
		"<sip:bob@example.com?Reason=SIP%3Bcause%3D486&Privacy=history>;index=1,", "<sip:dave@example.com?Reason=SIP%3Bcause%3D486>;",
	} {
		if !strings.Contains(trunk, want) {
			t.Errorf("no %q in\n%s", want, trunk)
		}
	}
}

// Nobody sends a call on twice, and nobody when it was sent on five times.
func TestLoop(t *testing.T) {
	c, err := Chain{}.Add(hop("alice", Busy))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(hop("alice", Busy)); !errors.Is(err, ErrLoop) {
		t.Errorf("twice: %v", err)
	}
	n := 1
	for ; err == nil && n < 100; n++ {
		c, err = c.Add(hop(fmt.Sprint("user", n), Busy))
	}
	if n-1 != most {
		t.Errorf("sent on %d times, want %d", n-1, most)
	}
}

// What others did before counts, whatever they write.
func TestRead(t *testing.T) {
	for text, want := range map[string]int{
		"":                              0,
		"Diversion: <sip:a@b>;reason=x": 1,
		"Diversion: <sip:a@b>;counter=3, <sip:c@d>\r\nDiversion: <sip:e@f>;counter=junk": 5,
		"Diversion: <sip:a@b>;counter=99999999999999999999":                              1,
		"Diversion: nonsense":              1,
		"Diversion: <sip:a@b>;counter=-99": 1,
	} {
		c := read(t, text)
		if c.before != want {
			t.Errorf("%q: %d, want %d", text, c.before, want)
		}
	}
}

func read(t testing.TB, lines string) Chain {
	t.Helper()
	if lines != "" {
		lines += "\r\n"
	}
	var m sip.Message
	if err := m.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" + lines + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return Read(&m)
}

// Whatever a peer writes neither stops the server nor takes hops away.
func FuzzRead(f *testing.F) {
	f.Add("<sip:a@b>;counter=3, <sip:c@d>")
	f.Add(`"a\" <sip:a@b>`)
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\r\n\x00") {
			return
		}
		var m sip.Message
		if m.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nDiversion: "+value+"\r\n\r\n")) != nil {
			return
		}
		if c := Read(&m); c.before < 0 {
			t.Errorf("%q: %d", value, c.before)
		}
	})
}
