package strangers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/cmd/tandem/api/audit"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// login is how somebody answers a challenge.
type login struct {
	user, password string
	method, realm  string // "" are those of the request and of the challenge
}

// attempt is a request of somebody who must prove who he is, by whose phone it
// comes, and what of it may be false.
type attempt struct {
	name        string
	method, uri string
	from, to    string
	login       login
	elsewhere   bool   // the answer comes from another address than the question
	twice       bool   // and once more
	extra       string // a header line
	want        string
	reaches     bool   // bob hears of it
	lacks       string // what is not in it then
	holds       string // what is
}

// TestImpostors lets alice, who has a password, and others without one, be what
// they are not.
func TestImpostors(t *testing.T) {
	alice := login{user: "alice", password: "a secret of theirs"}
	with := func(f func(*login)) login { l := alice; f(&l); return l }
	for _, c := range []attempt{
		{name: "alice calls", login: alice, want: "100", reaches: true},
		{name: "alice writes", method: "MESSAGE", login: alice, want: "", reaches: true},
		{name: "alice as bob", from: "bob", login: alice, want: "403"},
		{name: "alice as bob in writing", method: "MESSAGE", from: "bob", login: alice, want: "403"},
		{name: "alice registers bob", method: "REGISTER", uri: "sip:time.test", from: "alice", to: "bob", login: alice, want: "403"},
		{name: "as bob with her password", from: "bob", login: with(func(l *login) { l.user = "bob"; l.password = "a guess" }), want: "407"},
		{name: "a wrong password", login: with(func(l *login) { l.password = "a guess" }), want: "407"},
		{name: "nobody's", from: "nobody", login: with(func(l *login) { l.user = "nobody" }), want: "407"},
		{name: "an answer for another method", login: with(func(l *login) { l.method = "MESSAGE" }), want: "407"},
		{name: "another realm", login: with(func(l *login) { l.realm = "other.test" }), want: "407"},
		{name: "from another address", login: alice, elsewhere: true, want: "407"},
		{name: "the same answer again", login: alice, twice: true, want: "407"},
		{name: "who asserts to be the boss", extra: "P-Asserted-Identity: <sip:boss@time.test>", login: alice, want: "100", reaches: true, lacks: "boss"},
		{name: "who says so to phones", extra: "Remote-Party-ID: <sip:boss@time.test>;party=calling", login: alice, want: "100", reaches: true, lacks: "boss"},
		{name: "who has credentials for another proxy", extra: `Proxy-Authorization: Digest username="x", realm="next.test", nonce="n", uri="sip:x", response="r"`, login: alice, want: "100", reaches: true, lacks: "time.test\", nonce", holds: "next.test"},
		{name: "who keeps his password", login: alice, want: "100", reaches: true, lacks: "Digest"},
	} {
		t.Run(c.name, func(t *testing.T) { bubble.Run(t, func(w *bubble.World) { c.make(w) }) })
	}
}

func (c *attempt) make(w *bubble.World) {
	bob, there, other := w.Phone(), w.PhoneAt(2), w.PhoneAt(3)
	bob.Register("bob", 3600)
	bob.Got = nil
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&c.method, "INVITE")
	def(&c.uri, "sip:bob@time.test")
	def(&c.from, "alice")
	def(&c.to, "bob")
	send := func(p *bubble.Phone, n int, lines ...string) {
		head := []string{c.method + " " + c.uri + " SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", p.Addr, n), "Max-Forwards: 70",
			"From: <sip:" + c.from + "@time.test>;tag=1", "To: <sip:" + c.to + "@time.test>", "Call-ID: impostor", fmt.Sprintf("CSeq: %d %s", n, c.method),
			"Contact: <sip:x@" + p.Addr.String() + ">"}
		if c.extra != "" {
			head = append(head, c.extra)
		}
		p.Send([]byte(strings.Join(append(append(head, lines...), "Content-Length: 0", "", ""), "\r\n")))
		p.Look()
	}
	send(there, 1)
	var ask sip.Message
	if len(there.Got) != 1 || ask.Parse(there.Got[0].Raw) != nil || ask.StatusCode() != 401 && ask.StatusCode() != 407 {
		w.T.Fatalf("a first request is told %q", there.Heard())
	}
	answer := "Proxy-Authorization: "
	value := string(ask.Get(sip.HdrProxyAuthenticate))
	if ask.StatusCode() == 401 {
		answer, value = "Authorization: ", string(ask.Get(sip.HdrWWWAuthenticate))
	}
	challenge, err := digest.ParseChallenge(value)
	if err != nil {
		w.T.Fatal(err)
	}
	def(&c.login.method, c.method)
	if c.login.realm != "" {
		challenge.Realm = c.login.realm
	}
	cred, err := digest.Digest(challenge, digest.Options{Method: c.login.method, URI: c.uri, Username: c.login.user, Password: c.login.password, Count: 1})
	if err != nil {
		w.T.Fatal(err)
	}
	from := there
	if c.elsewhere {
		from = other
	}
	from.Got = nil
	send(from, 2, answer+cred.String())
	if c.twice {
		w.Pass(time.Second, there, bob)
		bob.Got, from.Got = nil, nil
		send(from, 3, answer+cred.String())
	}
	if got := from.Heard(); len(got) == 0 && c.want != "" || len(got) > 0 && got[0] != c.want {
		w.T.Errorf("he is told %q, want %q", got, c.want)
	}
	heard := slices.Contains(bob.Heard(), c.method)
	if heard != c.reaches && !c.twice {
		w.T.Errorf("bob heard %q", bob.Heard())
	}
	if heard && (c.lacks != "" && strings.Contains(string(bob.Got[0].Raw), c.lacks) || !strings.Contains(string(bob.Got[0].Raw), c.holds)) {
		w.T.Errorf("bob is told\n%s", bob.Got[0].Raw)
	}
}

// A user who tries to call in another's name again and again fills neither the audit log
// nor the events: there is a row of the first call, and one of how many came after it.
func TestImpostorAgainAndAgain(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		there := w.PhoneAt(2)
		send := func(n int, lines ...string) {
			head := []string{"INVITE sip:bob@time.test SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", there.Addr, n), "Max-Forwards: 70",
				"From: <sip:bob@time.test>;tag=1", "To: <sip:bob@time.test>", fmt.Sprint("Call-ID: again-", n), fmt.Sprintf("CSeq: %d INVITE", n),
				"Contact: <sip:x@" + there.Addr.String() + ">"}
			there.Send([]byte(strings.Join(append(append(head, lines...), "Content-Length: 0", "", ""), "\r\n")))
			there.Look()
		}
		send(1)
		var ask sip.Message
		if len(there.Got) != 1 || ask.Parse(there.Got[0].Raw) != nil {
			t.Fatalf("a first request is told %q", there.Heard())
		}
		challenge, err := digest.ParseChallenge(string(ask.Get(sip.HdrProxyAuthenticate)))
		if err != nil {
			t.Fatal(err)
		}
		const calls = 50
		for n := range calls {
			cred, err := digest.Digest(challenge, digest.Options{Method: "INVITE", URI: "sip:bob@time.test", Username: "alice", Password: "a secret of theirs", Count: n + 1})
			if err != nil {
				t.Fatal(err)
			}
			there.Got = nil
			send(2+n, "Proxy-Authorization: "+cred.String())
			if got := there.Heard(); len(got) == 0 || got[0] != "403" {
				t.Fatalf("call %d is told %q", n, got)
			}
		}
		rows := func() (why []string) {
			all, err := w.S.Audit().Rows(w.T.Context(), audit.Query{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all {
				if r.Operation == "call" && r.Who == "sip:alice@time.test" {
					why = append(why, r.Why)
				}
			}
			return why
		}
		w.Pass(time.Second, there) // the disk has it
		if got := rows(); len(got) != 1 {
			t.Errorf("%d rows: %q", len(got), got)
		}
		w.Pass(2*time.Minute, there)
		got := rows()
		if len(got) != 2 || !slices.ContainsFunc(got, func(why string) bool { return strings.Contains(why, fmt.Sprint(calls-1, " such calls")) }) {
			t.Errorf("%d rows: %q", len(got), got)
		}
	})
}
