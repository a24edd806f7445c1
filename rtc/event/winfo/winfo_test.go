package winfo

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/internal/rig"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

type people struct{}

func (people) Ours(host []byte, _ uint16) bool   { return string(host) == "pbx.test" }
func (people) Resolve(a rtc.AOR) (rtc.AOR, bool) { return a, true }
func noFlow(string) (f transport.Flow, ok bool)  { return f, false }
func uri(user string) string                     { return "sip:" + user + "@pbx.test" }
func tagged(user string, m *sip.Message) string {
	return "<" + uri(user) + ">;tag=" + string(m.ToTag())
}
func line(m *sip.Message, h sip.HeaderID) string      { return string(m.Get(h)) }
func read(m *sip.Message) (how string, list []string) { return told(string(m.Body())) }

// of is the package that tells who watches the weather.
func of(t *testing.T, n *event.Notifier, kept Store, decided func() string) event.Package {
	t.Helper()
	p, err := Of(t.Context(), n, "weather", kept, func(rtc.AOR, rtc.AOR, bool) string { return decided() })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is the state of a document, and each watcher in it.
func told(body string) (how string, list []string) {
	var d struct {
		Version string `xml:"version,attr"`
		State   string `xml:"state,attr"`
		Watcher []struct {
			Status string `xml:"status,attr"`
			Event  string `xml:"event,attr"`
			AOR    string `xml:",chardata"`
		} `xml:"watcher-list>watcher"`
	}
	if err := xml.Unmarshal([]byte(body), &d); err != nil {
		return err.Error(), nil
	}
	for _, w := range d.Watcher {
		list = append(list, w.AOR+" "+w.Status+" "+w.Event)
	}
	slices.Sort(list)
	return d.State + " " + d.Version, list
}

// A user hears of all his watchers first and after a refresh, and in between of
// those of whom something changed, each time in the next version.
func TestPartial(t *testing.T) {
	rig.Run(t, func(r *rig.Rig) {
		decided := event.Grant{Pending: true}
		n := event.New(event.Config{Store: event.NewMemory(), Users: people{}, Layer: r.Layer, Wire: rig.Wire{}, Key: []byte("key")})
		n.Add(event.Package{Name: "weather", Types: []string{"text/weather"},
			Authorise: func(a event.Ask) (event.Grant, error) {
				if a.Watcher == rtc.AOR(uri("dave")) {
					return decided, nil
				}
				return event.Grant{}, nil
			},
			Document: func(event.Query) event.Document { return event.Document{Type: "text/weather", Body: []byte("rain")} }})
		n.Add(of(t, n, NewMemory(), func() string { return "" }))
		if _, err := n.Restore(t.Context(), noFlow); err != nil {
			t.Fatal(err)
		}
		r.Handle(rtc.HandlerFunc(func(q *rtc.Request) error {
			a, _ := q.From()
			q.Identity = &rtc.Identity{AOR: rtc.AOR(a.URI), Method: rtc.AuthDigest}
			return rtc.Next
		}), n)
		r.Go(n.Run)
		seq := 0
		ask := func(who, pkg, to string, expires int) (ok, notify *sip.Message) {
			t.Helper()
			seq++
			r.Say(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK%d\nMax-Forwards: 70\nFrom: <%s>;tag=%s\nTo: %s\nCall-ID: %s%s\nCSeq: %d SUBSCRIBE\nContact: <%s>\nEvent: %s\nExpires: %d\n\n",
				uri("bob"), seq, uri(who), who, to, who, pkg, seq, "sip:x@10.0.0.9:5060", pkg, expires))
			for _, m := range r.Got() {
				switch {
				case !m.IsRequest():
					ok = m
				case string(m.CallID()) == who+pkg:
					notify = m
					r.Reply(m, 200, "", "")
				}
			}
			if ok == nil || ok.StatusCode() != 200 || notify == nil {
				t.Fatalf("%s gets %v, %v", who, ok, notify)
			}
			return ok, notify
		}
		next := func(want string, watchers ...string) {
			t.Helper()
			r.Sleep(interval + time.Second)
			var how string
			var list []string
			for _, m := range r.Got() {
				if r.Reply(m, 200, "", ""); strings.HasPrefix(line(m, sip.HdrEvent), "weather.winfo") {
					how, list = read(m)
				}
			}
			if how != want || !slices.Equal(list, watchers) {
				t.Errorf("told %s %q, want %s %q", how, list, want, watchers)
			}
		}
		first := func(user string) string { return "<" + uri(user) + ">" }
		alice, _ := ask("alice", "weather", first("bob"), 600)
		own, m := ask("bob", "weather.winfo", first("bob"), 600)
		if how, list := read(m); how != "full 0" || !slices.Equal(list, []string{"sip:alice@pbx.test active subscribe"}) {
			t.Errorf("first: %s %q", how, list)
		}
		carol, _ := ask("carol", "weather", first("bob"), 600)
		ask("dave", "weather", first("bob"), 600)
		next("partial 1", "sip:carol@pbx.test active subscribe", "sip:dave@pbx.test pending subscribe")
		decided = event.Grant{}
		n.Reauthorise(rtc.AOR(uri("bob")), "weather")
		next("partial 2", "sip:dave@pbx.test active approved")
		ask("carol", "weather", tagged("bob", carol), 0)
		next("partial 3", "sip:carol@pbx.test terminated timeout")
		decided = event.Grant{Rejected: "rejected"}
		n.Reauthorise(rtc.AOR(uri("bob")), "weather")
		next("partial 4", "sip:dave@pbx.test terminated rejected")
		_, m = ask("bob", "weather.winfo", tagged("bob", own), 600)
		if how, list := read(m); how != "full 5" || !slices.Equal(list, []string{"sip:alice@pbx.test active subscribe"}) {
			t.Errorf("refreshed: %s %q", how, list)
		}
		ask("alice", "weather", tagged("bob", alice), 0)
		next("partial 6", "sip:alice@pbx.test terminated timeout")
	})
}

// Who was not decided about in time waits: the owner hears of him whenever he looks,
// until he has decided, or that one asks again.
func TestRFC3857Section471Waiting(t *testing.T) {
	rig.Run(t, func(r *rig.Rig) {
		n := event.New(event.Config{Store: event.NewMemory(), Users: people{}, Layer: r.Layer, Wire: rig.Wire{}, Key: []byte("key")})
		n.Add(event.Package{Name: "weather", Types: []string{"text/weather"},
			Authorise: func(event.Ask) (event.Grant, error) { return event.Grant{Pending: true}, nil }})
		decision := ""
		n.Add(of(t, n, NewMemory(), func() string { return decision }))
		r.Handle(rtc.HandlerFunc(func(q *rtc.Request) error {
			a, _ := q.From()
			q.Identity = &rtc.Identity{AOR: rtc.AOR(a.URI), Method: rtc.AuthDigest}
			return rtc.Next
		}), n)
		r.Go(n.Run)
		seq := 0
		ask := func(who, pkg string, expires int) {
			seq++
			r.Say(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK%d\nMax-Forwards: 70\nFrom: <%s>;tag=%d\nTo: <%s>\nCall-ID: %s%d\nCSeq: %d SUBSCRIBE\nContact: <sip:x@10.0.0.9:5060>\nEvent: %s\nExpires: %d\n\n",
				uri("bob"), seq, uri(who), seq, uri("bob"), pkg, seq, seq, pkg, expires))
		}
		// told is what each document said, in a time.
		told := func(d time.Duration) (all []string) {
			for begin := time.Now(); time.Since(begin) < d; r.Sleep(100 * time.Millisecond) {
				for _, m := range r.Got() {
					if !m.IsRequest() {
						continue
					}
					if r.Reply(m, 200, "", ""); strings.HasPrefix(line(m, sip.HdrEvent), "weather.winfo") {
						how, list := read(m)
						all = append(all, how+": "+strings.ReplaceAll(strings.Join(list, "; "), "@pbx.test", ""))
					}
				}
			}
			return all
		}
		want := func(got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		ask("eve", "weather", 60)
		told(70 * time.Second) // nobody looks meanwhile
		ask("bob", "weather.winfo", 3600)
		want(told(10*time.Second), "full 0: sip:eve waiting timeout")
		ask("eve", "weather", 60)
		want(told(10*time.Second), "partial 1: sip:eve pending subscribe; sip:eve terminated giveup")
		want(told(70*time.Second), "partial 2: sip:eve waiting timeout")
		decision = "approved"
		n.Changed(rtc.AOR(uri("bob")), "weather.winfo")
		want(told(10*time.Second), "partial 3: sip:eve terminated approved")
	})
}

// Who waits does so for some time, and is one of few, also on disk.
func TestWaitersAreBounded(t *testing.T) {
	now := time.Now()
	undecided := func(rtc.AOR, rtc.AOR, bool) string { return "" }
	disk := NewMemory()
	w := waiters{store: disk, m: make(map[rtc.AOR][]Waiter), decided: undecided}
	for i := range 3 * maxResources {
		w.add(Waiter{Resource: rtc.AOR(fmt.Sprint(i)), ID: "a", Since: now})
	}
	for i := range 3 * maxWaiters {
		w.add(Waiter{Resource: "last", ID: fmt.Sprint(i), Watcher: rtc.AOR(fmt.Sprint(i)), Since: now})
	}
	if len(w.m) > maxResources || len(w.of("last", now)) != maxWaiters || len(w.of("last", now.Add(patience))) != 0 {
		t.Errorf("%d resources, %d of one, %d in the end", len(w.m), len(w.of("last", now)), len(w.of("last", now.Add(patience))))
	}
	all, last := 0, 0
	_ = disk.Load(t.Context(), func(x Waiter) {
		if all++; x.Resource == "last" {
			last++
		}
	})
	if all != maxResources-1+maxWaiters || last != maxWaiters {
		t.Errorf("%d on disk, %d of the last", all, last)
	}
}

// Who waited before a restart waits after it, under another ID, unless that is long ago.
func TestWaitersSurviveARestart(t *testing.T) {
	now := time.Now()
	disk := NewMemory()
	old := &waiters{store: disk, m: make(map[rtc.AOR][]Waiter)}
	old.add(Waiter{Resource: "bob", Watcher: "eve", ID: "7", Proved: true, Since: now.Add(-time.Hour)})
	old.add(Waiter{Resource: "bob", Watcher: "mallory", ID: "8", Since: now.Add(-patience)})
	proved := false
	for range 2 {
		w := &waiters{store: disk, m: make(map[rtc.AOR][]Waiter), decided: func(_, _ rtc.AOR, p bool) string { proved = p; return "" }}
		if err := w.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := w.of("bob", now); len(list) != 1 || list[0].Watcher != "eve" || list[0].ID != "7.before" || !proved {
			t.Fatalf("%+v", list)
		}
		old = w
	}
	old.end("bob", "7.before")
	_ = disk.Load(t.Context(), func(x Waiter) { t.Errorf("%+v is on disk in the end", x) })
}
