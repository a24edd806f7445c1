package uac

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	icholy "github.com/icholy/digest"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/internal/rig"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// client makes a client on a rig.
func client(r *rig.Rig, cfg Config) *Client {
	cfg.Layer, cfg.Wire = r.Layer, r.Wire
	c := New(cfg)
	r.Go(c.Run)
	return c
}

// run runs f with a client.
func run(t *testing.T, cfg Config, f func(r *rig.Rig, c *Client)) {
	t.Helper()
	rig.Run(t, func(r *rig.Rig) { f(r, client(r, cfg)) })
}

// ask sends a request and notes what becomes of it.
func ask(t *testing.T, r *rig.Rig, c *Client, o Outside) {
	t.Helper()
	if o.From == "" {
		o.From = "<sip:us@example.com>"
	}
	if err := c.Send(o, func(p Reply) {
		if p.Message == nil {
			r.Note("%s lost: %v", o.Method, p.Err)
			return
		}
		r.Note("%s %d seq=%d", o.Method, p.StatusCode(), p.Seq)
	}); err != nil {
		t.Fatal(err)
	}
	r.Sleep(100 * time.Millisecond)
}

func line(m *sip.Message, name string) string { return string(m.GetName(name)) }

// verified says what is wrong with the credentials of a request, by an
// implementation that is not ours.
func verified(m *sip.Message, nonce string, count int) string {
	v := line(m, "Authorization")
	cr, err := icholy.ParseCredentials(v)
	if err != nil {
		return fmt.Sprintf("%q: %v", v, err)
	}
	want, err := icholy.Digest(&icholy.Challenge{Realm: "provider.example", Nonce: nonce, Algorithm: "SHA-256", QOP: []string{"auth"}},
		icholy.Options{Method: string(m.MethodName()), URI: string(m.RequestURI()), Username: "trunk", Password: "secret", Cnonce: cr.Cnonce, Count: count})
	if err != nil {
		return err.Error()
	}
	if cr.Response != want.Response {
		return fmt.Sprintf("%s\nshould have the response %s", v, want.Response)
	}
	return ""
}

// A registration with a provider: challenged once, refreshed with the same
// Call-ID and the next number, with credentials from the start.
func TestRegister(t *testing.T) {
	run(t, Config{}, func(r *rig.Rig, c *Client) {
		o := Outside{Method: "REGISTER", Way: Way{URI: "sip:provider.example", Route: []string{"<sip:10.0.0.9;lr>"}},
			From: "<sip:trunk@provider.example>;tag=kept", To: "<sip:trunk@provider.example>", CallID: "reg-1", Seq: 41,
			Contact: &Contact{User: "line1", Params: ";expires=600"},
			Auth:    digest.One(digest.Login{User: "trunk", Password: "secret"}), Content: Content{Header: []byte("Supported: path\r\n")}}
		ask(t, r, c, o)
		m := r.Want("REGISTER")[0]
		for name, want := range map[string]string{"Contact": "<sip:line1@10.0.0.2:5060>;expires=600", "Route": "<sip:10.0.0.9;lr>",
			"From": "<sip:trunk@provider.example>;tag=kept", "Call-ID": "reg-1", "CSeq": "41 REGISTER", "Max-Forwards": "70", "Supported": "path"} {
			if got := line(m, name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		r.Reply(m, 401, "p", "WWW-Authenticate: Digest realm=\"provider.example\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n")
		m = r.Want("REGISTER")[0]
		if fault := verified(m, "n1", 1); fault != "" || line(m, "CSeq") != "42 REGISTER" {
			t.Errorf("%s with %s", line(m, "CSeq"), fault)
		}
		r.Reply(m, 200, "p", "")
		o.Seq = 43
		ask(t, r, c, o)
		m = r.Want("REGISTER")[0]
		if fault := verified(m, "n1", 2); fault != "" || line(m, "CSeq") != "43 REGISTER" {
			t.Errorf("%s with %s", line(m, "CSeq"), fault)
		}
		r.Reply(m, 200, "p", "")
		r.WantNotes("REGISTER 200 seq=42", "REGISTER 200 seq=43")
	})
}

func TestOutside(t *testing.T) {
	run(t, Config{}, func(r *rig.Rig, c *Client) {
		ask(t, r, c, Outside{Method: "OPTIONS", Way: Way{URI: "sip:bob@10.0.0.9"}, MaxForwards: 5})
		m := r.Want("OPTIONS")[0]
		if line(m, "Max-Forwards") != "5" || len(m.FromTag()) == 0 || line(m, "To") != "<sip:bob@10.0.0.9>" || m.Has(sip.HdrContact) || line(m, "CSeq") != "1 OPTIONS" {
			t.Errorf("sent\n%s", m.Bytes())
		}
		r.Reply(m, 404, "x", "")
		ask(t, r, c, Outside{Method: "MESSAGE", Way: Way{URI: "sip:bob@10.0.0.9"}, From: "sip:alice@example.com", Content: Content{Type: "text/plain", Body: []byte("hello")}})
		m = r.Want("MESSAGE")[0]
		if string(m.Body()) != "hello" || !strings.HasPrefix(line(m, "From"), "<sip:alice@example.com>;tag=") {
			t.Errorf("sent\n%s", m.Bytes())
		}
		r.Reply(m, 100, "", "")
		r.Reply(m, 202, "x", "")
		ask(t, r, c, Outside{Method: "OPTIONS", Way: Way{URI: "sip:10.0.0.9;transport=tcp"}})
		ask(t, r, c, Outside{Method: "OPTIONS", Way: Way{URI: "no URI"}})
		r.WantNotes("OPTIONS 404 seq=1", "MESSAGE 202 seq=1", "OPTIONS lost: only UDP here", "OPTIONS lost: next hop: URI without scheme")
	})
}

// What is not permitted is not sent, by whatever way it is meant; a name's other
// places remain.
func TestPermit(t *testing.T) {
	permit := func(peer string, to netip.AddrPort) error {
		if to.Addr() == netip.MustParseAddr("10.0.0.9") && peer != "gw" {
			return errors.New("a gateway")
		}
		return nil
	}
	rig.Run(t, func(r *rig.Rig) {
		c := client(r, Config{Permit: permit, Resolver: names(t, r)})
		for _, x := range []struct {
			way  Way
			want string // who gets the request
		}{
			{Way{URI: "sip:1@10.0.0.9"}, ""},
			{Way{URI: "sip:1@10.0.0.9:5080"}, ""},
			{Way{URI: "sip:1@[::ffff:10.0.0.9]"}, ""},
			{Way{URI: "sip:1@elsewhere.test", Route: []string{"<sip:10.0.0.9;lr>"}}, ""},
			{Way{URI: "sip:1@10.0.0.10;maddr=10.0.0.9"}, ""},
			{Way{URI: "sip:1@10.0.0.9", Peer: "other"}, ""},
			{Way{URI: "sip:1@10.0.0.9", Peer: "gw"}, "10.0.0.9:5060"},
			{Way{URI: "sip:1@pbx.test"}, "10.0.0.10:5060"},
			{Way{URI: "sip:1@10.0.0.10"}, "10.0.0.10:5060"},
		} {
			var st *rtc.Status
			if err := c.Send(Outside{Method: "OPTIONS", Way: x.way, From: "<sip:a@b>"}, func(p Reply) { errors.As(p.Err, &st) }); err != nil {
				t.Fatal(err)
			}
			r.Sleep(100 * time.Millisecond)
			got := r.Got()
			switch {
			case x.want == "":
				if len(got) != 0 || st == nil || st.Code != 403 {
					t.Errorf("%+v: %d messages, %v", x.way, len(got), st)
				}
			case len(got) != 1 || got[0].Source.String() != x.want:
				t.Errorf("%+v: %d messages, want one to %s", x.way, len(got), x.want)
			default:
				r.Reply(got[0], 200, "x", "")
			}
		}
	})
}

// Where a user chose to send something is asked for once it is resolved.
func TestChosen(t *testing.T) {
	far := netip.MustParseAddrPort("198.51.100.7:5060")
	chosen := func(by, to netip.AddrPort) error {
		if by == far && to.Addr() == netip.MustParseAddr("10.0.0.9") {
			return errors.New("an address of this machine")
		}
		return nil
	}
	rig.Run(t, func(r *rig.Rig) {
		c := client(r, Config{Chosen: chosen, Resolver: names(t, r)})
		for uri, want := range map[string]int{"sip:1@10.0.0.9": 403, "sip:1@10.0.0.10;maddr=10.0.0.9": 403, "sip:1@10.0.0.10": 200} {
			for _, by := range []netip.AddrPort{far, {}} {
				code := 0
				done := func(p Reply) {
					var st *rtc.Status
					if errors.As(p.Err, &st) {
						code = st.Code
					}
				}
				if err := c.Send(Outside{Method: "OPTIONS", Way: Way{URI: uri, By: by}, From: "<sip:a@b>"}, done); err != nil {
					t.Fatal(err)
				}
				r.Sleep(50 * time.Millisecond) // all six before the first is repeated
				if refused := by == far && want == 403; (code == 403) != refused || (len(r.Got()) == 0) != refused {
					t.Errorf("%s by %v: %d", uri, by, code)
				}
			}
		}
	})
}

// names makes a resolver that knows pbx.test at 10.0.0.9 and 10.0.0.10.
func names(t *testing.T, r *rig.Rig) *resolve.Resolver {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("10.0.0.9 pbx.test\n10.0.0.10 pbx.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	res := resolve.New(resolve.Config{Servers: []string{"10.0.0.1:53"}, Hosts: path, Workers: 2})
	r.Go(res.Run)
	return res
}

// A ping gives up when its caller wants it to, and what comes later is of no
// interest.
func TestTimeout(t *testing.T) {
	run(t, Config{}, func(r *rig.Rig, c *Client) {
		ask(t, r, c, Outside{Method: "OPTIONS", Way: Way{URI: "sip:bob@10.0.0.9"}, Timeout: 3 * time.Second})
		m := r.Want("OPTIONS")[0]
		r.Sleep(3 * time.Second)
		r.WantNotes("OPTIONS lost: no final response within the time allowed")
		r.Got()
		r.Reply(m, 200, "x", "")
		r.Sleep(time.Minute)
		r.WantNotes()
		r.Want()
	})
}

// The next place is asked when the first says nothing, and only then; the last
// one has the time of timer F.
func TestSilence(t *testing.T) {
	rig.Run(t, func(r *rig.Rig) {
		c := client(r, Config{Resolver: names(t, r)})
		ask(t, r, c, Outside{Method: "MESSAGE", Way: Way{URI: "sip:bob@pbx.test"}})
		first := r.Got()[0]
		if first.Source.String() != "10.0.0.9:5060" {
			t.Fatalf("sent to %s", first.Source)
		}
		r.Sleep(4 * time.Second)
		list := r.Got()
		second := list[len(list)-1]
		if second.Source.String() != "10.0.0.10:5060" || line(second, "CSeq") != "1 MESSAGE" {
			t.Fatalf("then to %s", second.Source)
		}
		r.Reply(first, 200, "one", "") // it was left
		r.WantNotes()
		r.Sleep(6 * time.Second)
		r.Reply(second, 200, "two", "")
		r.WantNotes("MESSAGE 200 seq=1")
	})
}

func TestTooManyWait(t *testing.T) {
	c := New(Config{Layer: transaction.New(transaction.Config{Lanes: 1})})
	var err error
	for i := 0; err == nil && i < 100_000; i++ {
		err = c.Send(Outside{Method: "OPTIONS", Way: Way{URI: "sip:x@y"}, From: "<sip:a@b>", CallID: fmt.Sprint(i)}, nil)
	}
	if !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

// Whatever is put into a request, its lines stay ours.
func TestNoLineIsAdded(t *testing.T) {
	run(t, Config{}, func(r *rig.Rig, c *Client) {
		ask(t, r, c, Outside{Method: "MESSAGE", Way: Way{URI: "sip:bob@10.0.0.9"}, From: "<sip:a@b>\r\nEvil: 1", To: "<sip:c@d>\nEvil: 2"})
		if m := r.Want("MESSAGE")[0]; m.GetName("Evil") != nil {
			t.Errorf("sent\n%s", m.Bytes())
		}
	})
}
