package confinfo

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
)

type people struct{}

func (people) Ours(host []byte, _ uint16) bool   { return string(host) == "pbx.test" }
func (people) Resolve(a rtc.AOR) (rtc.AOR, bool) { return a, true }

const room = "sip:*677@pbx.test"

// read is what a document says, each user with the state of each endpoint.
func read(t *testing.T, m *sip.Message) string {
	t.Helper()
	var d struct {
		Version string `xml:"version,attr"`
		State   string `xml:"state,attr"`
		Entity  string `xml:"entity,attr"`
		Count   int    `xml:"conference-state>user-count"`
		User    []struct {
			Entity   string   `xml:"entity,attr"`
			Name     string   `xml:"display-text"`
			Endpoint []string `xml:"endpoint>status"`
		} `xml:"users>user"`
	}
	if err := xml.Unmarshal(m.Body(), &d); err != nil {
		t.Errorf("%v\n%s", err, m.Bytes())
	}
	var list []string
	for _, u := range d.User {
		if user, _, hidden := strings.Cut(u.Entity, "-"); hidden {
			u.Entity = user
		}
		list = append(list, strings.TrimSpace(u.Entity+" "+u.Name)+" "+strings.Join(u.Endpoint, ","))
	}
	if d.State != "full" || d.Entity != room || d.Count != len(list) {
		t.Errorf("%s", m.Body())
	}
	return d.Version + ": " + strings.Join(list, "; ")
}

// Who is in a conference is told who else is, and how, until he leaves or it is over.
func TestRFC4575Section3Conference(t *testing.T) {
	rig.Run(t, func(r *rig.Rig) {
		n := event.New(event.Config{Store: event.NewMemory(), Users: people{}, Layer: r.Layer, Wire: rig.Wire{}, Key: []byte("key")})
		b := New(n, func(a rtc.AOR) (rtc.AOR, bool) { return a, strings.HasPrefix(a.User(), "*6") })
		r.Handle(rtc.HandlerFunc(func(q *rtc.Request) error {
			a, _ := q.From()
			q.Identity = &rtc.Identity{AOR: rtc.AOR(a.URI), Method: rtc.AuthDigest}
			return rtc.Next
		}), n)
		r.Go(n.Run)
		seq := 0
		subscribe := func(who, to string) {
			seq++
			r.Say(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK%d\nMax-Forwards: 70\nFrom: <sip:%s@pbx.test>;tag=%s\nTo: <%s>\nCall-ID: %s\nCSeq: %d SUBSCRIBE\nContact: <sip:x@10.0.0.9:5060>\nEvent: conference\nExpires: 600\n\n",
				to, seq, who, who, to, who, seq))
		}
		seat := func(id, user, shown string, change ...func(*Seat)) Seat {
			s := Seat{Room: room, ID: id, User: rtc.AOR("sip:" + user + "@pbx.test"), Address: shown, Name: strings.ToUpper(user)}
			for _, c := range change {
				c(&s)
			}
			return s
		}
		alice := seat("1", "alice", "sip:alice@pbx.test")
		next := func(want ...string) {
			t.Helper()
			var told []string
			for begin := time.Now(); time.Since(begin) < interval+time.Second; r.Sleep(100 * time.Millisecond) {
				for _, m := range r.Got() {
					if r.Reply(m, 200, "", ""); len(m.Body()) > 0 {
						told = append(told, string(m.CallID())+" "+read(t, m))
					} else {
						told = append(told, string(m.CallID())+" "+string(m.Get(sip.HdrSubscriptionState)))
					}
				}
			}
			if slices.Sort(told); !slices.Equal(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
		}
		subscribe("alice", room)
		r.Want("403 SUBSCRIBE") // there is nobody yet
		subscribe("alice", "sip:bob@pbx.test")
		r.Want("404 SUBSCRIBE")
		b.Set("call 1", []Seat{alice})
		subscribe("bob", room)
		r.Want("403 SUBSCRIBE")
		subscribe("alice", room)
		m := r.Want("200 SUBSCRIBE", "NOTIFY")[1]
		r.Reply(m, 200, "", "")
		if got := read(t, m); got != "1: sip:alice@pbx.test ALICE connected" {
			t.Errorf("first %s", got)
		}
		b.Set("call 2", []Seat{seat("2", "bob", "sip:bob@pbx.test"), seat("2 called", "carol", "", func(s *Seat) { s.Name, s.Muted = "", true })})
		next("alice 2: sip:alice@pbx.test ALICE connected; sip:bob@pbx.test BOB connected; sip:anonymous muted-via-focus")
		b.Set("call 3", []Seat{seat("3", "alice", "sip:alice@pbx.test", func(s *Seat) { s.Held = true })}) // another device
		subscribe("bob", room)
		r.Reply(r.Want("200 SUBSCRIBE", "NOTIFY")[1], 200, "", "")
		next("alice 3: sip:alice@pbx.test ALICE connected,on-hold; sip:bob@pbx.test BOB connected; sip:anonymous muted-via-focus")
		b.Set("call 2", nil)
		next("alice 4: sip:alice@pbx.test ALICE connected,on-hold", "bob terminated;reason=rejected;expires=0")
		b.Set("call 1", nil)
		next("alice 5: sip:alice@pbx.test ALICE on-hold")
		b.Set("call 3", nil)
		next("alice terminated;reason=noresource;expires=0")
		b.Set("call 3", nil)
		next()
		if len(b.calls)+len(b.rooms) > 0 || n.Active() > 0 {
			t.Errorf("%d calls, %d rooms, %d subscriptions stay", len(b.calls), len(b.rooms), n.Active())
		}
	})
}
