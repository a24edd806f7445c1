package event

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/internal/rig"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// people are the users alice, bob and carol of pbx.test.
type people struct{}

func (people) Ours(host []byte, _ uint16) bool { return string(host) == "pbx.test" }
func (people) Resolve(a rtc.AOR) (rtc.AOR, bool) {
	switch a {
	case "sip:alice@pbx.test", "sip:bob@pbx.test", "sip:carol@pbx.test":
		return a, true
	case "sip:200@pbx.test":
		return "sip:bob@pbx.test", true
	}
	return a, strings.HasPrefix(string(a), "sip:member") // any number of them
}

// board is what resources say, and who may know.
type board struct {
	mu   sync.Mutex
	text map[rtc.AOR]string
	deny map[rtc.AOR]error
	view map[rtc.AOR]Grant
	read func() // is called once, when a document was made and is not shown yet
}

func (b *board) set(a rtc.AOR, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text[a] = text
}

func (b *board) pkg() Package {
	return Package{Name: "weather", Types: []string{"text/weather", "text/counted"},
		Authorise: func(a Ask) (Grant, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.view[a.Watcher], b.deny[a.Watcher]
		},
		Document: func(q Query) Document {
			b.mu.Lock()
			read := b.read
			b.read = nil
			defer func() {
				if b.mu.Unlock(); read != nil {
					read()
				}
			}()
			text := b.text[q.Resource]
			if q.View == "hidden" {
				text = "unknown"
			}
			d := Document{Type: q.Type, Body: []byte(text)}
			if q.Type == "text/counted" {
				d.Body, d.Count = []byte("n=;"+text), 2
			}
			return d
		},
	}
}

// bench is a notifier with a peer that subscribes.
type bench struct {
	*rig.Rig
	t     *testing.T
	n     *Notifier
	board *board
	store Store
	cseq  int
	stop  func()
}

func run(t *testing.T, f func(b *bench), change ...func(*Config)) {
	t.Helper()
	rig.Run(t, func(r *rig.Rig) {
		b := &bench{Rig: r, t: t, store: NewMemory(),
			board: &board{text: map[rtc.AOR]string{"sip:bob@pbx.test": "sunny", "sip:carol@pbx.test": "rain"}, deny: map[rtc.AOR]error{}, view: map[rtc.AOR]Grant{}}}
		b.open(change...)
		defer func() { b.stop() }()
		f(b)
	})
}

func (b *bench) open(change ...func(*Config)) {
	cfg := Config{Store: b.store, Users: people{}, Layer: b.Layer, Wire: rig.Wire{}, Key: []byte("key")}
	for _, c := range change {
		c(&cfg)
	}
	b.n = New(cfg)
	b.n.Add(b.board.pkg())
	if _, err := b.n.Restore(b.t.Context(), func(s string) (f transport.Flow, ok bool) { return f, false }); err != nil {
		b.t.Fatal(err)
	}
	// The gate would find out who it is.
	b.Handle(rtc.HandlerFunc(func(r *rtc.Request) error {
		if a, ok := r.From(); ok && !strings.HasPrefix(string(a.URI), "sip:stranger") {
			r.Identity = &rtc.Identity{AOR: rtc.AOR(a.URI), Method: rtc.AuthDigest}
		}
		return rtc.Next
	}), b.n)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.n.Run(ctx) })
	b.stop = func() { cancel(); wg.Wait() }
}

// ask sends a SUBSCRIBE of alice for bob; lines replace those of the same name.
func (b *bench) ask(lines ...string) {
	b.cseq++
	head := []string{
		"Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK" + fmt.Sprint(b.cseq),
		"Max-Forwards: 70",
		"From: <sip:alice@pbx.test>;tag=alice",
		"To: <sip:bob@pbx.test>",
		"Call-ID: one",
		fmt.Sprintf("CSeq: %d SUBSCRIBE", b.cseq),
		"Contact: <sip:alice@10.0.0.9:5060>",
		"Event: weather",
		"Expires: 600",
	}
	first, body := "SUBSCRIBE sip:bob@pbx.test SIP/2.0", ""
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		if strings.HasPrefix(l, "SUBSCRIBE ") {
			first = l
			continue
		}
		if name == "body" {
			body = value
			continue
		}
		found := false
		for i, h := range head {
			if strings.HasPrefix(h, name+":") {
				head[i], found = l, true
				if value == "" {
					head = append(head[:i], head[i+1:]...)
				}
				break
			}
		}
		if !found {
			head = append(head, l)
		}
	}
	b.Say(first + "\n" + strings.Join(head, "\n") + "\n\n" + body)
}

// begin subscribes and answers the first NOTIFY, which it returns.
func (b *bench) begin(lines ...string) (ok, notify *sip.Message) {
	b.t.Helper()
	b.ask(lines...)
	m := b.Want("200 SUBSCRIBE", "NOTIFY")
	b.Reply(m[1], 200, "", "")
	return m[0], m[1]
}

func get(m *sip.Message, name string) string { return string(m.Get(sip.HeaderByName(name))) }

// in is the lines of a request in the dialog that ok made.
func in(ok *sip.Message, more ...string) []string {
	return append([]string{"To: <sip:bob@pbx.test>;tag=" + string(ok.ToTag())}, more...)
}

func TestSubscribe(t *testing.T) {
	run(t, func(b *bench) {
		ok, first := b.begin()
		if get(ok, "Expires") != "600" || ok.ToTag() == nil || !strings.Contains(get(ok, "Contact"), rig.Us) {
			t.Errorf("%s", ok.Bytes())
		}
		if string(first.Body()) != "sunny" || get(first, "Subscription-State") != "active;expires=600" || string(first.RequestURI()) != "sip:alice@10.0.0.9:5060" ||
			string(first.FromTag()) != string(ok.ToTag()) || string(first.ToTag()) != "alice" || get(first, "Content-Type") != "text/weather" {
			t.Errorf("%s", first.Bytes())
		}
		b.board.set("sip:bob@pbx.test", "rain")
		b.n.Changed("sip:bob@pbx.test", "weather")
		b.Sleep(200 * time.Millisecond)
		second := b.Want("NOTIFY")[0]
		b.Reply(second, 200, "", "")
		s1, _ := first.CSeq()
		s2, _ := second.CSeq()
		if string(second.Body()) != "rain" || s2 != s1+1 {
			t.Errorf("%s", second.Bytes())
		}
		b.n.Changed("sip:bob@pbx.test", "weather") // says the same
		b.Sleep(200 * time.Millisecond)
		b.Want()
		b.ask(in(ok, "Expires: 0")...)
		last := b.Want("200 SUBSCRIBE", "NOTIFY")[1]
		b.Reply(last, 200, "", "")
		if get(last, "Subscription-State") != "terminated;reason=timeout;expires=0" || b.n.Active() != 0 {
			t.Errorf("%d active\n%s", b.n.Active(), last.Bytes())
		}
		b.ask(in(ok)...)
		b.Want("481 SUBSCRIBE")
	})
}

// Changes while a NOTIFY has no answer merge into one.
func TestOneNotifyUnderWay(t *testing.T) {
	run(t, func(b *bench) {
		b.ask()
		first := b.Want("200 SUBSCRIBE", "NOTIFY")[1]
		for i := range 5 {
			b.board.set("sip:bob@pbx.test", fmt.Sprint("change ", i))
			b.n.Changed("sip:bob@pbx.test", "weather")
		}
		b.Sleep(100 * time.Millisecond)
		b.Want()
		b.Reply(first, 200, "", "")
		if m := b.Want("NOTIFY")[0]; string(m.Body()) != "change 4" {
			t.Errorf("%s", m.Bytes())
		}
	})
}

// After a restart subscriptions go on, with higher numbers.
// What changes while a document is made is not in it, and is told after it; who may not
// see it any more by then does not see it.
func TestChangeWhileDocumentIsMade(t *testing.T) {
	const bob = rtc.AOR("sip:bob@pbx.test")
	for _, c := range []struct {
		name   string
		change func(b *bench)
		want   []string
	}{
		{"another document", func(b *bench) { b.board.set(bob, "hail"); b.n.Changed(bob, "weather") }, []string{"rain", "hail"}},
		{"the one from before", func(b *bench) { b.board.set(bob, "sunny"); b.n.Changed(bob, "weather") }, []string{"rain", "sunny"}},
		{"another view", func(b *bench) {
			b.board.mu.Lock()
			b.board.view["sip:alice@pbx.test"] = Grant{View: "hidden"}
			b.board.mu.Unlock()
			b.n.Reauthorise(bob, "weather")
		}, []string{"unknown"}},
	} {
		run(t, func(b *bench) {
			b.begin()
			b.board.mu.Lock()
			b.board.text[bob], b.board.read = "rain", func() { c.change(b) }
			b.board.mu.Unlock()
			b.n.Changed(bob, "weather")
			var told []string
			for range 5 {
				b.Sleep(200 * time.Millisecond)
				for _, m := range b.Got() {
					told = append(told, string(m.Body()))
					b.Reply(m, 200, "", "")
				}
			}
			if !slices.Equal(told, c.want) {
				t.Errorf("%s: told %q, want %q", c.name, told, c.want)
			}
		})
	}
}

func TestRestart(t *testing.T) {
	run(t, func(b *bench) {
		ok, first := b.begin("Accept: text/counted")
		if string(first.Body()) != "n=0;sunny" {
			t.Errorf("%s", first.Body())
		}
		b.stop()
		b.open()
		b.Sleep(200 * time.Millisecond)
		second := b.Want("NOTIFY")[0]
		b.Reply(second, 200, "", "")
		s1, _ := first.CSeq()
		s2, _ := second.CSeq()
		if s2 <= s1 || string(second.Body()) == "n=0;sunny" || !strings.HasSuffix(string(second.Body()), ";sunny") {
			t.Errorf("CSeq %d after %d: %s", s2, s1, second.Body())
		}
		b.ask(in(ok)...)
		b.Reply(b.Want("200 SUBSCRIBE", "NOTIFY")[1], 481, "", "")
		b.ask(in(ok)...)
		b.Want("481 SUBSCRIBE")
		if b.n.Active() != 0 {
			t.Errorf("%d active", b.n.Active())
		}
	})
}

func TestExpiry(t *testing.T) {
	run(t, func(b *bench) {
		b.begin("Expires: 60")
		b.Sleep(59800 * time.Millisecond)
		m := b.Want("NOTIFY")[0]
		if !strings.HasPrefix(get(m, "Subscription-State"), "terminated;reason=timeout") {
			t.Errorf("%s", m.Bytes())
		}
		b.Sleep(time.Minute) // nobody answers
		b.Got()
		if b.n.Active() != 0 {
			t.Errorf("%d active", b.n.Active())
		}
	})
}

var errDenied = &rtc.Status{Code: 403, Err: errors.New("denied")}

func TestReauthorise(t *testing.T) {
	run(t, func(b *bench) {
		b.board.view["sip:alice@pbx.test"] = Grant{Pending: true, View: "hidden"}
		_, first := b.begin()
		if string(first.Body()) != "unknown" || !strings.HasPrefix(get(first, "Subscription-State"), "pending;") {
			t.Errorf("%s", first.Bytes())
		}
		b.board.view["sip:alice@pbx.test"] = Grant{}
		b.n.Reauthorise("sip:bob@pbx.test", "weather")
		b.Sleep(200 * time.Millisecond)
		second := b.Want("NOTIFY")[0]
		b.Reply(second, 200, "", "")
		if string(second.Body()) != "sunny" || !strings.HasPrefix(get(second, "Subscription-State"), "active;") {
			t.Errorf("%s", second.Bytes())
		}
		b.board.deny["sip:alice@pbx.test"] = errDenied
		b.n.Reauthorise("sip:bob@pbx.test", "weather")
		b.Sleep(200 * time.Millisecond)
		third := b.Want("NOTIFY")[0]
		if !strings.HasPrefix(get(third, "Subscription-State"), "terminated;reason=rejected") || len(third.Body()) > 0 {
			t.Errorf("%s", third.Bytes())
		}
	})
}

const listBody = `body:<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:bob@pbx.test"><display-name>Bob</display-name></entry><list><entry uri="sip:carol@pbx.test"/></list><entry uri="sip:nobody@pbx.test"/></list></resource-lists>`

func TestListInRequest(t *testing.T) {
	run(t, func(b *bench) {
		b.ask("SUBSCRIBE sip:pbx.test SIP/2.0", "Require: recipient-list-subscribe", "Supported: eventlist", "Content-Type: "+lists.Type, listBody)
		m := b.Want("200 SUBSCRIBE", "NOTIFY")
		if get(m[0], "Require") != "eventlist" || get(m[1], "Require") != "eventlist" {
			t.Errorf("%s", m[1].Bytes())
		}
		all := ""
		for n := m[1]; n != nil; {
			all += string(n.Body())
			b.Reply(n, 200, "", "")
			if got := b.Got(); len(got) > 0 {
				n = got[0]
			} else {
				n = nil
			}
		}
		for _, want := range []string{`version="0" fullState="true"`, "sunny", "rain", `state="terminated" reason="noresource"`, "<name>Bob</name>"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is missing in\n%s", want, all)
			}
		}
		b.board.set("sip:carol@pbx.test", "snow")
		b.n.Changed("sip:carol@pbx.test", "weather")
		b.Sleep(200 * time.Millisecond)
		n := b.Want("NOTIFY")[0]
		b.Reply(n, 200, "", "")
		if text := string(n.Body()); !strings.Contains(text, "snow") || strings.Contains(text, "sunny") || !strings.Contains(text, `fullState="false"`) {
			t.Errorf("%s", text)
		}
		b.stop()
		b.open()
		b.Sleep(200 * time.Millisecond)
		if text := string(b.Want("NOTIFY")[0].Body()); !strings.Contains(text, `fullState="true"`) {
			t.Errorf("%s", text)
		}
	})
}

// Subscriptions are bounded, in all, of a user, to a resource, and within a list; who
// may come again later is told so.
func TestLimits(t *testing.T) {
	other := []string{"Call-ID: two", "From: <sip:alice@pbx.test>;tag=two"}
	for _, c := range []struct {
		name   string
		change func(*Config)
		lines  []string
		want   string
		retry  bool
	}{
		{"in all", func(c *Config) { c.Total = 1 }, nil, "503 SUBSCRIBE", true},
		{"of a user", func(c *Config) { c.PerUser = 1 }, nil, "403 SUBSCRIBE", false},
		{"to a resource", func(c *Config) { c.PerResource = 1 }, nil, "403 SUBSCRIBE", false},
		{"in a list", func(c *Config) { c.PerList = 2 }, []string{"Supported: eventlist", "Content-Type: " + lists.Type, listBody}, "413 SUBSCRIBE", false},
	} {
		run(t, func(b *bench) {
			ok, _ := b.begin()
			b.ask(append(other, c.lines...)...)
			if m := b.Want(c.want)[0]; m.Has(sip.HdrRetryAfter) != c.retry {
				t.Errorf("%s: %s", c.name, m.Bytes())
			}
			b.ask(in(ok, "Expires: 0")...) // makes room
			b.Reply(b.Want("200 SUBSCRIBE", "NOTIFY")[1], 200, "", "")
			b.begin("Call-ID: three", "From: <sip:alice@pbx.test>;tag=three")
		}, c.change)
	}
}

// broken is a store that takes changes and then cannot keep them.
type broken struct {
	*Memory
	err error
}

func (s *broken) Put(st Stored, done func(error)) error {
	if s.err == nil {
		return s.Memory.Put(st, done)
	}
	go done(s.err)
	return nil
}

// What could not be kept is refused after all, and is not.
func TestNotKept(t *testing.T) {
	store := &broken{Memory: NewMemory()}
	run(t, func(b *bench) {
		store.err = errors.New("the disk is full")
		b.ask("Record-Route: <sip:edge.test;lr>", "Timestamp: 54")
		m := b.Want("503 SUBSCRIBE")[0]
		seq, _ := m.CSeq()
		if get(m, "Retry-After") != "5" || get(m, "Call-ID") != "one" || seq != 1 || string(m.FromTag()) != "alice" || len(m.ToTag()) == 0 || get(m, "Timestamp") != "54" ||
			!strings.HasPrefix(get(m, "Via"), "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1") || m.Has(sip.HdrExpires) || m.Has(sip.HdrContact) || m.Has(sip.HdrRecordRoute) {
			t.Errorf("%s", m.Bytes())
		}
		if b.n.Active() != 0 {
			t.Errorf("%d active", b.n.Active())
		}
		store.err = nil
		ok, _ := b.begin()
		store.err = errors.New("the disk is full")
		b.ask(in(ok, "Expires: 300", "Contact: <sip:alice@10.0.0.8:5060>")...)
		if m := b.Want("503 SUBSCRIBE")[0]; get(m, "Retry-After") != "5" || string(m.ToTag()) != string(ok.ToTag()) {
			t.Errorf("%s", m.Bytes())
		}
		b.ask(in(ok, "Event: weather;id=beside")...)
		b.Want("503 SUBSCRIBE")
		store.err = nil
		b.ask(in(ok)...) // what was there goes on
		if m := b.Want("200 SUBSCRIBE", "NOTIFY")[1]; get(m, "Subscription-State") != "active;expires=600" {
			t.Errorf("%s", m.Bytes())
		}
	}, func(c *Config) { c.Store = store })
}
