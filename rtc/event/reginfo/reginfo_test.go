package reginfo

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/internal/rig"
	"tandem/rtc/location"
	"tandem/rtc/sip"
)

type people struct{}

func (people) Ours(host []byte, _ uint16) bool   { return string(host) == "pbx.test" }
func (people) Resolve(a rtc.AOR) (rtc.AOR, bool) { return a, true }

const bob = rtc.AOR("sip:bob@pbx.test")

// read is what a document says: its state, that of the registration, and each contact.
func read(t *testing.T, m *sip.Message) string {
	t.Helper()
	var d struct {
		Version      string `xml:"version,attr"`
		State        string `xml:"state,attr"`
		Registration struct {
			State   string `xml:"state,attr"`
			Contact []struct {
				ID    string `xml:"id,attr"`
				State string `xml:"state,attr"`
				Event string `xml:"event,attr"`
				URI   string `xml:"uri"`
			} `xml:"contact"`
		} `xml:"registration"`
	}
	if err := xml.Unmarshal(m.Body(), &d); err != nil {
		t.Errorf("%v\n%s", err, m.Bytes())
	}
	list := []string{d.Version, d.State, d.Registration.State}
	for _, c := range d.Registration.Contact {
		list = append(list, strings.TrimPrefix(c.URI, "sip:")+" "+c.State+" "+c.Event)
	}
	return strings.Join(list, ", ")
}

// A contact that ends is told of once, and why; those that stay as they are are not
// repeated, but for a refresh of the subscription.
func TestRFC3680Section471Ends(t *testing.T) {
	rig.Run(t, func(r *rig.Rig) {
		n := event.New(event.Config{Store: event.NewMemory(), Users: people{}, Layer: r.Layer, Wire: rig.Wire{}, Key: []byte("key")})
		l := location.New(nil, slog.New(slog.DiscardHandler))
		n.Add(Package(n, l))
		r.Handle(rtc.HandlerFunc(func(q *rtc.Request) error {
			q.Identity = &rtc.Identity{AOR: bob, Method: rtc.AuthDigest}
			return rtc.Next
		}), n)
		r.Go(n.Run)
		r.Go(l.Run)
		seq, tag := 0, ""
		subscribe := func() {
			seq++
			r.Say(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK%d\nMax-Forwards: 70\nFrom: <%s>;tag=x\nTo: <%s>%s\nCall-ID: reg\nCSeq: %d SUBSCRIBE\nContact: <sip:x@10.0.0.9:5060>\nEvent: reg\nExpires: 3600\n\n",
				bob, seq, bob, bob, tag, seq))
		}
		next := func(want string) {
			t.Helper()
			var told []string
			for range 20 {
				r.Sleep(100 * time.Millisecond)
				for _, m := range r.Got() {
					if m.Method() == sip.NOTIFY {
						r.Reply(m, 200, "", "")
						told = append(told, read(t, m))
					} else {
						tag = ";tag=" + string(m.ToTag())
					}
				}
			}
			if got := strings.Join(told, " | "); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		register := func(user, callID string, d time.Duration) {
			uri := "sip:" + user + "@10.0.0.8"
			l.Update(bob, func(old []location.Binding) ([]location.Binding, error) {
				list := slices.DeleteFunc(slices.Clone(old), func(b location.Binding) bool { return b.URI == uri })
				if d > 0 {
					list = append(list, location.Binding{Contact: "<" + uri + ">", URI: uri, CallID: callID, Q: 1000, Expires: time.Now().Add(d)})
				}
				return list, nil
			}, func([]location.Binding, error) {})
		}
		remove := func(user string, by location.Cause) {
			if _, err := l.Remove(context.Background(), bob, by, func(b *location.Binding) bool { return b.URI == "sip:"+user+"@10.0.0.8" }); err != nil {
				t.Error(err)
			}
		}
		subscribe()
		next("0, full, init")
		register("a", "1", time.Hour)
		next("1, partial, active, a@10.0.0.8 active registered")
		register("b", "1", 6500*time.Millisecond)
		next("2, partial, active, b@10.0.0.8 active registered")
		register("a", "1", time.Hour) // nothing but time
		next("")
		register("a", "2", time.Hour)
		next("3, partial, active, a@10.0.0.8 active refreshed")
		next("4, partial, active, b@10.0.0.8 terminated expired")
		register("c", "1", time.Hour)
		register("d", "1", time.Hour)
		next("5, partial, active, c@10.0.0.8 active registered, d@10.0.0.8 active registered")
		remove("c", location.Rejected)
		remove("d", location.Deactivated)
		next("6, partial, active, c@10.0.0.8 terminated rejected, d@10.0.0.8 terminated deactivated")
		subscribe()
		next("7, full, active, a@10.0.0.8 active registered")
		register("a", "2", 0)
		next("8, partial, terminated, a@10.0.0.8 terminated unregistered")
		subscribe()
		next("9, full, init")
		register("a", "3", time.Hour)
		register("a", "3", 0)
		register("a", "4", time.Hour)
		next("10, partial, active, a@10.0.0.8 active registered")
	})
}
