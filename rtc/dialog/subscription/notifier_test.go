package subscription

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/internal/rig"
	"tandem/rtc/sip"
)

// subscribe is a SUBSCRIBE of a raw peer; tag is ours, "" at first.
func subscribe(seq int, tag string, lines ...string) string {
	if tag != "" {
		tag = ";tag=" + tag
	}
	return fmt.Sprintf(`
SUBSCRIBE sip:us@10.0.0.2 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKs%d
Max-Forwards: 70
From: <sip:watcher@example.com>;tag=w
To: <sip:us@example.com>%s
Call-ID: sub-1
CSeq: %d SUBSCRIBE
Contact: <sip:watcher@10.0.0.9:5060>
%s`, seq, tag, seq, strings.Join(lines, "\n"))
}

// notifier accepts every SUBSCRIBE; last is the newest.
type notifier struct {
	terms    Terms
	last     *Notifier
	document string
}

// run runs f with a UA whose SUBSCRIBEs n gets; nil refuses all.
func run(t *testing.T, n *notifier, f func(r *rig.Rig, ua *dialog.UA)) {
	t.Helper()
	rig.Run(t, func(r *rig.Rig) {
		ua := dialog.New(dialog.Config{Layer: r.Layer, Wire: r.Wire, User: "us"})
		r.Go(ua.Run)
		r.Handle(ua, rtc.HandlerFunc(func(q *rtc.Request) error {
			if n == nil {
				return &rtc.Status{Code: 404}
			}
			return n.serve(r, ua, q)
		}))
		f(r, ua)
	})
}

func (n *notifier) serve(r *rig.Rig, ua *dialog.UA, q *rtc.Request) error {
	if q.Method() != sip.SUBSCRIBE {
		return &rtc.Status{Code: 404}
	}
	t := n.terms
	t.Event = eventOf(q.Message)
	t.Document = func(*Notifier) dialog.Content { return dialog.Content{Type: "text/plain", Body: []byte(n.document)} }
	t.Ended = func(_ *Notifier, e End) { r.Note("ended %s", e.Reason) }
	var err error
	n.last, err = Accept(ua, q, dialog.Inbound{}, t)
	return err
}

func lines(m *sip.Message, names ...string) string {
	var list []string
	for _, n := range names {
		list = append(list, string(m.GetName(n)))
	}
	return strings.Join(list, " | ")
}

func TestNotifier(t *testing.T) {
	n := &notifier{document: "one"}
	run(t, n, func(r *rig.Rig, ua *dialog.UA) {
		r.Say(subscribe(5, "", "Event: presence", "Expires: 600"))
		got := r.Want("200 SUBSCRIBE", "NOTIFY")
		if s := lines(got[0], "Expires", "Contact"); s != "600 | <sip:us@10.0.0.2:5060>" {
			t.Errorf("200: %s", s)
		}
		tag := string(got[0].ToTag())
		first := got[1]
		if s := lines(first, "Event", "Subscription-State", "Contact", "Content-Type"); s != "presence | active;expires=600 | <sip:us@10.0.0.2:5060> | text/plain" || string(first.Body()) != "one" ||
			string(first.RequestURI()) != "sip:watcher@10.0.0.9:5060" || string(first.ToTag()) != "w" || string(first.FromTag()) != tag {
			t.Errorf("NOTIFY:\n%s", first.Bytes())
		}
		// changes while a NOTIFY is under way merge
		for _, d := range []string{"two", "three", "four"} {
			n.document = d
			n.last.Lane().Do(n.last.Changed)
		}
		r.Want()
		r.Reply(first, 200, "", "")
		next := r.Want("NOTIFY")[0]
		if string(next.Body()) != "four" {
			t.Errorf("merged NOTIFY: %s", next.Body())
		}
		a, _ := first.CSeq()
		if b, _ := next.CSeq(); b != a+1 {
			t.Errorf("CSeq %d after %d", b, a)
		}
		r.Reply(next, 500, "", "") // a complaint about this one only
		r.Sleep(time.Minute)
		r.Want()
		// a refresh
		r.Say(subscribe(6, tag, "Event: presence", "Expires: 7200"))
		got = r.Want("200 SUBSCRIBE", "NOTIFY")
		if s := lines(got[0], "Expires"); s != "3600" {
			t.Errorf("refreshed for %s", s)
		}
		r.Reply(got[1], 200, "", "")
		r.Say(subscribe(7, tag, "Event: dialog")) // no such subscription
		r.Want("481 SUBSCRIBE")
		r.Say(subscribe(8, tag, "Event: presence", "Expires: 5"))
		if s := lines(r.Want("423 SUBSCRIBE")[0], "Min-Expires"); s != "60" {
			t.Errorf("Min-Expires %s", s)
		}
		r.Sleep(time.Hour - time.Second/2)
		last := r.Want("NOTIFY")[0]
		if s := lines(last, "Subscription-State"); s != "terminated;reason=timeout" {
			t.Errorf("last NOTIFY: %s", s)
		}
		r.WantNotes()
		r.Reply(last, 200, "", "")
		r.WantNotes("ended timeout")
		n.last.Lane().Do(n.last.Changed)
		n.last.Lane().Do(func() { n.last.End("deactivated") })
		r.Want()
		r.Say(subscribe(9, tag, "Event: presence"))
		r.Want("481 SUBSCRIBE")
		r.Sleep(time.Minute)
		if l := ua.Table().Len(); l != 0 {
			t.Errorf("%d dialogs left", l)
		}
	})
}

func TestEndsOfNotifier(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(r *rig.Rig, n *Notifier, tag string, notify *sip.Message)
		words []string
		state string
		note  string
	}{
		{"unsubscribed", func(r *rig.Rig, n *Notifier, tag string, m *sip.Message) {
			r.Reply(m, 200, "", "")
			r.Say(subscribe(6, tag, "Event: presence", "Expires: 0"))
		}, []string{"200 SUBSCRIBE", "NOTIFY"}, "terminated;reason=timeout", ""},
		{"ended while a NOTIFY is under way", func(r *rig.Rig, n *Notifier, tag string, m *sip.Message) {
			n.Lane().Do(func() { n.End("deactivated") })
			r.Reply(m, 200, "", "")
		}, []string{"NOTIFY"}, "terminated;reason=deactivated", ""},
		{"unknown to the watcher", func(r *rig.Rig, n *Notifier, tag string, m *sip.Message) { r.Reply(m, 481, "", "") }, nil, "", "ended lost"},
		{"not understood", func(r *rig.Rig, n *Notifier, tag string, m *sip.Message) { r.Reply(m, 489, "", "") }, nil, "", "ended lost"},
		{"activated", func(r *rig.Rig, n *Notifier, tag string, m *sip.Message) {
			n.Lane().Do(n.Activate)
			r.Reply(m, 200, "", "")
		}, []string{"NOTIFY"}, "active;expires=3600", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &notifier{terms: Terms{Pending: true}}
			run(t, n, func(r *rig.Rig, ua *dialog.UA) {
				r.Say(subscribe(5, "", "Event: presence"))
				got := r.Want("200 SUBSCRIBE", "NOTIFY")
				if s := lines(got[1], "Subscription-State"); s != "pending;expires=3600" {
					t.Errorf("first NOTIFY: %s", s)
				}
				c.do(r, n.last, string(got[0].ToTag()), got[1])
				got = r.Want(c.words...)
				if c.state != "" && lines(got[len(got)-1], "Subscription-State") != c.state && !strings.HasPrefix(c.state, "active") {
					t.Errorf("NOTIFY says %s", lines(got[len(got)-1], "Subscription-State"))
				}
				if c.note != "" {
					r.WantNotes(c.note)
				}
			})
		})
	}
}

// Expires: 0 at first asks once.
func TestFetch(t *testing.T) {
	n := &notifier{document: "now"}
	run(t, n, func(r *rig.Rig, ua *dialog.UA) {
		r.Say(subscribe(5, "", "Event: presence", "Expires: 0"))
		got := r.Want("200 SUBSCRIBE", "NOTIFY")
		if s := lines(got[1], "Subscription-State"); s != "terminated;reason=timeout" || string(got[1].Body()) != "now" {
			t.Errorf("NOTIFY: %s", got[1].Bytes())
		}
		r.Reply(got[1], 200, "", "")
		r.WantNotes("ended timeout")
	})
}
