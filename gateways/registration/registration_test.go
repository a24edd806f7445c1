package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// provider answers what a Keeper sends, in virtual time.
type provider struct {
	mu     sync.Mutex
	answer func(o uac.Outside) (code int, header string) // code 0: silence
	got    []sent
}

type sent struct {
	at time.Time
	uac.Outside
}

func (p *provider) send(o uac.Outside, done func(uac.Reply)) error {
	p.mu.Lock()
	p.got = append(p.got, sent{time.Now(), o})
	code, header := p.answer(o)
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	if code == 0 {
		time.AfterFunc(o.Timeout, func() { done(uac.Reply{Err: errors.New("silence"), Seq: o.Seq}) })
		return nil
	}
	m := new(sip.Message)
	if err := m.Parse(fmt.Appendf(nil, "SIP/2.0 %d Text of it\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n%sContent-Length: 0\r\n\r\n", code, header)); err != nil {
		return err
	}
	time.AfterFunc(10*time.Millisecond, func() { done(uac.Reply{Message: m, Seq: o.Seq + 1}) })
	return nil
}

func (p *provider) says(code int, header string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(uac.Outside) (int, string) { return code, header }
}

// count is how many were sent in the last while, and take forgets them.
func (p *provider) take() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

// world is a Keeper in a bubble, with the trunk "gw".
type world struct {
	*provider
	trunks *gateways.Trunks
	keeper *Keeper
	told   []Phase
}

func account(t *gateways.Trunk) {
	t.Name, t.Addresses = "gw", []string{"sip:10.0.0.9"}
	t.Domain, t.Register = "sip.example.net", gateways.RegisterLine
	t.Digest = gateways.Digest{User: "4930123450", Secret: "secret"}
}

// run keeps the registration of a trunk while f runs.
func run(t *testing.T, trunk func(*gateways.Trunk), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{provider: &provider{}, trunks: gateways.New(gateways.NewMemory(), slog.New(slog.DiscardHandler))}
		w.says(200, "Expires: 600\r\n")
		var c gateways.Trunk
		trunk(&c)
		if err := w.trunks.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		w.keeper = New(Config{Table: w.trunks.Table, Send: w.send, Key: []byte("key"), Tell: func(s State) { w.told = append(w.told, s.Phase) }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.keeper.Run(ctx) }()
		f(w)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // what is under way ends
	})
}

func (w *world) state(t *testing.T) State {
	t.Helper()
	s, ok := w.keeper.State("gw")
	if !ok {
		t.Fatal("there is no registration")
	}
	return s
}

// What goes out is what RFC 3261 §10.2 has, and is refreshed in time by the same
// Call-ID with the next number.
func TestRegisters(t *testing.T) {
	run(t, account, func(w *world) {
		time.Sleep(time.Second)
		got := w.take()
		if len(got) != 1 {
			t.Fatalf("%d requests", len(got))
		}
		o := got[0].Outside
		if o.URI != "sip:sip.example.net" || o.Next != "sip:10.0.0.9" || o.Peer != "gw" || o.To != "<sip:4930123450@sip.example.net>" ||
			!strings.HasPrefix(o.From, o.To+";tag=") || o.Contact.User != "4930123450" || !strings.HasPrefix(o.Contact.URI, ";line=") ||
			o.Seq != 1 || !strings.Contains(string(o.Header), "Expires: 600\r\n") {
			t.Errorf("%+v", o)
		}
		if s := w.state(t); s.Phase != Registered || s.Address != "sip:4930123450@sip.example.net" || s.Code != 200 {
			t.Errorf("%+v", s)
		}
		time.Sleep(10 * time.Minute)
		again := w.take()
		if len(again) < 1 || again[0].CallID != o.CallID || again[0].Seq != 3 || again[0].at.Sub(got[0].at) > 9*time.Minute {
			t.Errorf("%d refreshes: %+v", len(again), again)
		}
		if w.trunks.Table().ByName("gw").State() != gateways.Up {
			t.Error("the trunk is not up")
		}
	})
}

// A bulk registration has what RFC 6140 §5.1 demands.
func TestBulk(t *testing.T) {
	run(t, func(c *gateways.Trunk) { account(c); c.Register = gateways.RegisterBulk }, func(w *world) {
		time.Sleep(time.Second)
		o := w.take()[0].Outside
		if o.Contact.User != "" || !strings.HasPrefix(o.Contact.URI, ";bnc;line=") {
			t.Errorf("Contact %+v", o.Contact)
		}
		for _, want := range []string{"Require: gin\r\n", "Proxy-Require: gin\r\n", "Supported: path\r\n"} {
			if !strings.Contains(string(o.Header), want) {
				t.Errorf("%q lacks %q", o.Header, want)
			}
		}
	})
	run(t, func(c *gateways.Trunk) { account(c); c.Register = gateways.RegisterBulk }, func(w *world) {
		w.says(420, "Unsupported: gin\r\n")
		time.Sleep(time.Second)
		if s := w.state(t); s.Phase != Refused || !strings.Contains(s.Remedy, "--register line") {
			t.Errorf("%+v", s)
		}
	})
}

// What a provider refuses is told with its remedy, and asked again ever later:
// few times in a day.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		code   int
		header string
		phase  Phase
		remedy string
		most   int // attempts in six hours
	}{
		{401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", Refused, `user "4930123450" or its password is wrong`, 12},
		{403, "", Refused, "check user, password and account", 12},
		{404, "", Refused, "does not know sip:4930123450@sip.example.net", 12},
		{429, "Retry-After: 7200\r\n", Failing, "tried again by itself", 5},
		{503, "", Failing, "tried again by itself", 28},
		{302, "Contact: <sip:elsewhere>\r\n", Refused, "--address", 12},
		{0, "", Failing, "check the address of the trunk", 30},
		{200, "Expires: 0\r\n", Failing, "another device is registered", 28},
	} {
		run(t, account, func(w *world) {
			w.says(c.code, c.header)
			time.Sleep(15 * time.Second)
			s := w.state(t)
			if s.Phase != c.phase || !strings.Contains(s.Remedy, c.remedy) || s.Why == "" || s.Failed != 1 {
				t.Errorf("%d: %+v", c.code, s)
			}
			if h := w.trunks.Table().ByName("gw").State(); h != gateways.Degraded {
				t.Errorf("%d: the trunk is %s: others should be tried first", c.code, h)
			}
			time.Sleep(6 * time.Hour)
			got := w.take()
			if len(got) > c.most || len(got) < 3 {
				t.Errorf("%d: %d attempts in six hours, want at most %d", c.code, len(got), c.most)
			}
			w.says(200, "")
			time.Sleep(5 * time.Hour)
			if s := w.state(t); s.Phase != Registered || s.Why != "" || s.Failed != 0 {
				t.Errorf("%d: then %+v", c.code, s)
			}
			if fmt.Sprint(w.told) != fmt.Sprint([]Phase{c.phase, Registered}) {
				t.Errorf("%d: told %v", c.code, w.told)
			}
		})
	}
}

// What speaks to the password that is missing, or to a realm that is another one.
func TestUnauthorised(t *testing.T) {
	run(t, func(c *gateways.Trunk) { account(c); c.Account, c.Digest = "4930", gateways.Digest{} }, func(w *world) {
		w.says(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n")
		time.Sleep(time.Second)
		if s := w.state(t); !strings.Contains(s.Remedy, "the trunk has none") {
			t.Errorf("%+v", s)
		}
	})
	run(t, func(c *gateways.Trunk) { account(c); c.Digest.Realm = "mine" }, func(w *world) {
		w.says(401, "WWW-Authenticate: Digest realm=\"theirs\", nonce=\"n\"\r\n")
		time.Sleep(time.Second)
		if s := w.state(t); !strings.Contains(s.Remedy, `the realm "theirs"`) {
			t.Errorf("%+v", s)
		}
	})
}

// RFC 3261 §10.2.8: a registrar that wants a longer time gets it at once.
func TestIntervalTooBrief(t *testing.T) {
	run(t, account, func(w *world) {
		w.mu.Lock()
		w.answer = func(o uac.Outside) (int, string) {
			if strings.Contains(string(o.Header), "Expires: 3600\r\n") {
				return 200, "Expires: 3600\r\n"
			}
			return 423, "Min-Expires: 3600\r\n"
		}
		w.mu.Unlock()
		time.Sleep(2 * time.Second)
		if s := w.state(t); s.Phase != Registered || len(w.take()) != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// The second address is asked when the first is silent.
func TestNextAddress(t *testing.T) {
	run(t, func(c *gateways.Trunk) { account(c); c.Addresses = append(c.Addresses, "sip:10.0.0.10") }, func(w *world) {
		w.mu.Lock()
		w.answer = func(o uac.Outside) (int, string) {
			if o.Next == "sip:10.0.0.10" {
				return 200, ""
			}
			return 0, ""
		}
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		if s := w.state(t); s.Phase != Registered || s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A new password is tried at once; a trunk that is disabled, removed or wants no
// registration any more is unregistered.
func TestChanges(t *testing.T) {
	run(t, account, func(w *world) {
		w.says(403, "")
		time.Sleep(time.Second)
		w.take()
		w.says(200, "")
		change := func(f func(*gateways.Trunk)) []sent {
			t.Helper()
			if err := w.trunks.Change(context.Background(), "gw", func(c *gateways.Trunk) error { f(c); return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return w.take()
		}
		if got := change(func(c *gateways.Trunk) { c.Digest.Secret = "right" }); len(got) != 1 || w.state(t).Phase != Registered {
			t.Errorf("%d requests, %+v", len(got), w.state(t))
		}
		if got := change(func(c *gateways.Trunk) { c.Note = "x" }); len(got) != 0 {
			t.Errorf("%d requests for a note", len(got))
		}
		if got := change(func(c *gateways.Trunk) { c.Disabled = true }); len(got) != 1 || !strings.Contains(string(got[0].Header), "Expires: 0\r\n") {
			t.Errorf("disabled: %+v", got)
		}
		if _, ok := w.keeper.State("gw"); ok || len(w.keeper.States()) != 0 {
			t.Error("there still is a registration")
		}
		if got := change(func(c *gateways.Trunk) { c.Disabled = false }); len(got) != 1 {
			t.Errorf("enabled: %+v", got)
		}
		if got := change(func(c *gateways.Trunk) { c.Account = "other" }); len(got) != 2 || !strings.Contains(string(got[0].Header), "Expires: 0\r\n") {
			t.Errorf("another account: %+v", got)
		}
	})
}

// A provider that refuses to refresh still sends calls until the time that it granted is
// over: a trunk that is disabled meanwhile is unregistered, and not any more after it.
func TestUnregistersWhileFailing(t *testing.T) {
	for after, want := range map[time.Duration]int{6 * time.Minute: 1, 30 * time.Minute: 0} {
		run(t, account, func(w *world) {
			time.Sleep(time.Second)
			w.says(503, "Retry-After: 7200\r\n")
			time.Sleep(after)
			if s := w.state(t); s.Phase != Failing {
				t.Fatalf("%+v", s)
			}
			w.take()
			if err := w.trunks.Change(context.Background(), "gw", func(c *gateways.Trunk) error { c.Disabled = true; return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := w.take(); len(got) != want || want == 1 && !strings.Contains(string(got[0].Header), "Expires: 0\r\n") {
				t.Errorf("after %s: %+v", after, got)
			}
		})
	}
}

// A provider that was away may have forgotten us.
func TestProviderIsBack(t *testing.T) {
	run(t, account, func(w *world) {
		time.Sleep(10 * time.Second)
		w.take()
		gw := w.trunks.Table().ByName("gw")
		gw.Missed("no answer to a call")
		time.Sleep(10 * time.Second)
		if got := w.take(); len(got) != 0 {
			t.Errorf("%d requests while it is away", len(got))
		}
		gw.Heard(200, 0)
		gw.Heard(200, 0)
		time.Sleep(time.Second)
		if got := w.take(); len(got) != 1 {
			t.Errorf("%d requests when it is back", len(got))
		}
	})
}

// The mark leads a call to its trunk, and is the same after a restart.
func TestMark(t *testing.T) {
	run(t, account, func(w *world) {
		time.Sleep(time.Second)
		mark := w.take()[0].Contact.URI
		other := New(Config{Table: w.trunks.Table, Key: []byte("key")})
		for uri, want := range map[string]string{
			"sip:4930123450@192.0.2.1:5060" + mark: "gw",
			"sip:4930123450@192.0.2.1":             "",
			"sip:4930123450@192.0.2.1;line=0000":   "",
		} {
			u, err := sip.ParseURI([]byte(uri))
			if err != nil {
				t.Fatal(err)
			}
			if got := other.Led(u); got != want {
				t.Errorf("%s leads to %q, want %q", uri, got, want)
			}
		}
	})
}
