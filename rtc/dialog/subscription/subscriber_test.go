package subscription

import (
	"fmt"
	"testing"
	"time"

	"tandem/rtc/dialog"
	"tandem/rtc/internal/rig"
	"tandem/rtc/sip"
)

// watch subscribes and notes everything.
func watch(t *testing.T, r *rig.Rig, ua *dialog.UA) *Subscriber {
	t.Helper()
	s, err := Subscribe(ua, dialog.Outbound{Way: dialog.Way{URI: "sip:bob@example.com", Route: []string{"<sip:10.0.0.9;lr>"}}, From: "<sip:us@example.com>"},
		Wish{Event: Event{Package: "presence"}, Accept: "application/pidf+xml",
			Notified: func(_ *Subscriber, st State, m *sip.Message) { r.Note("%s %s", st.Name, m.Body()) },
			Ended:    func(_ *Subscriber, e End) { r.Note("ended %s", e.Reason) }})
	if err != nil {
		t.Fatal(err)
	}
	r.Sleep(time.Second / 10)
	return s
}

// notify is a NOTIFY in the dialog that a SUBSCRIBE of ours began.
func notify(m *sip.Message, seq int, from, state string, more string) string {
	return fmt.Sprintf(`
NOTIFY %s SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKn%s%d
Max-Forwards: 70
Record-Route: <sip:10.0.0.9:5060;lr;x=1>
From: %s;tag=%s
To: %s
Call-ID: %s
CSeq: %d NOTIFY
Contact: <sip:bob@10.0.0.9:5060>
Event: presence
Subscription-State: %s

%s`, "sip:us@10.0.0.2", from, seq, m.Get(sip.HdrTo), from, m.Get(sip.HdrFrom), m.CallID(), seq, state, more)
}

const granted = "Contact: <sip:bob@10.0.0.9:5060>\r\nExpires: 600\r\n"

// The NOTIFY makes the dialog, whether it comes before the 200 or after.
func TestSubscriber(t *testing.T) {
	for _, notifyFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("NOTIFY first %v", notifyFirst), func(t *testing.T) {
			run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
				s := watch(t, r, ua)
				m := r.Want("SUBSCRIBE")[0]
				if got := lines(m, "Event", "Expires", "Accept", "Route", "Contact", "CSeq"); got != "presence | 3600 | application/pidf+xml | <sip:10.0.0.9;lr> | <sip:us@10.0.0.2:5060> | 1 SUBSCRIBE" || string(m.RequestURI()) != "sip:bob@example.com" {
					t.Errorf("SUBSCRIBE: %s", m.Bytes())
				}
				if notifyFirst {
					r.Say(notify(m, 1, "b", "active;expires=600", "open"))
					r.Want("200 NOTIFY")
					r.Reply(m, 200, "b", granted)
				} else {
					r.Reply(m, 200, "b", granted)
					r.Say(notify(m, 1, "b", "active;expires=600", "open"))
					r.Want("200 NOTIFY")
				}
				r.WantNotes("active open")
				r.Say(notify(m, 1, "fork", "active;expires=600", "other")) // of another one who was asked
				r.Want("481 NOTIFY")
				r.Say(notify(m, 2, "b", "", ""))
				r.Want("400 NOTIFY")
				r.Sleep(540*time.Second - 300*time.Millisecond)
				refresh := r.Want("SUBSCRIBE")[0]
				if got := lines(refresh, "Expires", "CSeq", "Route"); string(refresh.ToTag()) != "b" || got != map[bool]string{true: "3600 | 2 SUBSCRIBE | <sip:10.0.0.9:5060;lr;x=1>", false: "3600 | 2 SUBSCRIBE | "}[notifyFirst] {
					t.Errorf("refresh: %s\n%s", got, refresh.Bytes())
				}
				r.Reply(refresh, 500, "", "") // it lasts all the same
				r.Say(notify(m, 3, "b", "active;expires=600", "closed"))
				r.Want("200 NOTIFY")
				r.WantNotes("active closed")
				s.Do(s.Unsubscribe)
				bye := r.Want("SUBSCRIBE")[0]
				if lines(bye, "Expires") != "0" {
					t.Errorf("unsubscribed by\n%s", bye.Bytes())
				}
				r.Reply(bye, 200, "", "Expires: 0\r\n")
				r.Say(notify(m, 4, "b", "terminated;reason=timeout", "last"))
				r.Want("200 NOTIFY")
				r.WantNotes("terminated last", "ended timeout")
				r.Sleep(time.Minute)
				if l := ua.Table().Len(); l != 0 {
					t.Errorf("%d dialogs left", l)
				}
			})
		})
	}
}

func TestEndsOfSubscriber(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig.Rig, s *Subscriber, m *sip.Message)
		note []string
	}{
		{"refused", func(r *rig.Rig, s *Subscriber, m *sip.Message) { r.Reply(m, 403, "b", "") }, []string{"ended failed"}},
		{"not heard", func(r *rig.Rig, s *Subscriber, m *sip.Message) { r.Sleep(40 * time.Second) }, []string{"ended failed"}},
		{"no NOTIFY", func(r *rig.Rig, s *Subscriber, m *sip.Message) {
			r.Reply(m, 200, "b", granted)
			r.Sleep(33 * time.Second)
		}, []string{"ended timeout"}},
		{"rejected later", func(r *rig.Rig, s *Subscriber, m *sip.Message) {
			r.Say(notify(m, 1, "b", "terminated;reason=rejected", ""))
			r.Reply(m, 200, "b", granted)
		}, []string{"terminated", "ended rejected"}},
		{"unknown at the refresh", func(r *rig.Rig, s *Subscriber, m *sip.Message) {
			r.Reply(m, 200, "b", granted)
			r.Say(notify(m, 1, "b", "active;expires=600", ""))
			r.Got()
			r.Sleep(540 * time.Second)
			r.Reply(r.Want("SUBSCRIBE")[0], 481, "", "")
		}, []string{"active", "ended lost"}},
		{"silence", func(r *rig.Rig, s *Subscriber, m *sip.Message) {
			r.Reply(m, 200, "b", granted)
			r.Say(notify(m, 1, "b", "active;expires=600", ""))
			r.Sleep(601 * time.Second)
		}, []string{"active", "ended lost"}},
		{"left before it began", func(r *rig.Rig, s *Subscriber, m *sip.Message) {
			s.Do(s.Unsubscribe)
			r.Reply(m, 200, "b", granted)
			m = r.Want("SUBSCRIBE")[0]
			r.Reply(m, 200, "b", granted)
			r.Sleep(33 * time.Second)
		}, []string{"ended timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
				s := watch(t, r, ua)
				c.do(r, s, r.Want("SUBSCRIBE")[0])
				r.Sleep(time.Minute)
				r.WantNotes(c.note...)
				if l := ua.Table().Len(); l != 0 {
					t.Errorf("%d dialogs left", l)
				}
			})
		})
	}
}

// refreshed subscribes, is told, and returns the SUBSCRIBE that refreshes.
func refreshed(t *testing.T, r *rig.Rig, ua *dialog.UA) *sip.Message {
	watch(t, r, ua)
	m := r.Want("SUBSCRIBE")[0]
	r.Reply(m, 200, "b", granted)
	r.Say(notify(m, 1, "b", "active;expires=600", ""))
	r.Want("200 NOTIFY")
	r.Sleep(540 * time.Second)
	r.WantNotes("active")
	return r.Want("SUBSCRIBE")[0]
}

// A refresh that is answered 200 is followed by a NOTIFY, or it is over (Timer N).
func TestRFC6665Section4122TimerNOfRefresh(t *testing.T) {
	run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
		r.Reply(refreshed(t, r, ua), 200, "", granted)
		r.Sleep(31 * time.Second)
		r.WantNotes()
		r.Sleep(2 * time.Second)
		r.WantNotes("ended timeout")
		r.Got()
	})
}

// After 204 none is awaited (RFC 5839 §7.1).
func TestRFC6665Section4122TimerNAfter204(t *testing.T) {
	run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
		r.Reply(refreshed(t, r, ua), 204, "", granted)
		r.Sleep(time.Minute)
		r.WantNotes()
	})
}

// The dialog is the one of the first NOTIFY; those of other forks get 481, as
// our packages want one notifier (RFC 6665 §4.1.4, §5.4.9).
func TestRFC6665Section414Fork(t *testing.T) {
	run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
		watch(t, r, ua)
		m := r.Want("SUBSCRIBE")[0]
		r.Say(notify(m, 1, "one", "active;expires=600", "first"))
		r.Want("200 NOTIFY")
		r.Reply(m, 200, "two", granted) // the response of another fork does not take the dialog away
		r.Say(notify(m, 1, "two", "active;expires=600", "second"))
		r.Want("481 NOTIFY")
		r.Say(notify(m, 2, "one", "active;expires=600", "again"))
		r.Want("200 NOTIFY")
		r.WantNotes("active first", "active again")
	})
}

// A notifier that wants longer subscriptions gets one.
func TestIntervalTooBrief(t *testing.T) {
	run(t, nil, func(r *rig.Rig, ua *dialog.UA) {
		watch(t, r, ua)
		r.Reply(r.Want("SUBSCRIBE")[0], 423, "b", "Min-Expires: 7200\r\n")
		m := r.Want("SUBSCRIBE")[0]
		if s := lines(m, "Expires", "CSeq"); s != "7200 | 2 SUBSCRIBE" {
			t.Errorf("again with %s", s)
		}
	})
}
