package refer

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/internal/rig"
	"tandem/rtc/sip"
)

// callee accepts a call and every REFER in it.
type callee struct {
	ua       *dialog.UA
	session  *dialog.Session
	referral *Referral
}

func (c *callee) serve(r *rig.Rig, q *rtc.Request) error {
	if q.Method() != sip.INVITE {
		return &rtc.Status{Code: 404}
	}
	in, err := c.ua.Receive(q, dialog.Inbound{Events: dialog.Events{
		Request: func(_ *dialog.Session, in *dialog.Incoming) {
			ref, err := Accept(in)
			if err != nil {
				in.Respond(err.(*rtc.Status).Code, dialog.Content{})
				return
			}
			c.referral = ref
		},
		Ended: func(_ *dialog.Session, e dialog.End) { r.Note("call ended %s", e.Reason) },
	}})
	if err != nil {
		return err
	}
	c.session = in.Session
	return in.Session.Accept(dialog.Content{Type: "application/sdp", Body: []byte("answer")})
}

// inside is a request of the peer in the call.
func inside(method, tag string, seq int, lines ...string) string {
	return fmt.Sprintf(`
%s sip:us@10.0.0.2 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK%s%d
Max-Forwards: 70
From: <sip:peer@example.com>;tag=p
To: <sip:us@example.com>%s
Call-ID: call-1
CSeq: %d %s
Contact: <sip:peer@10.0.0.9:5060>
%s`, method, method, seq, tag, seq, method, strings.Join(lines, "\n"))
}

// inCall runs f in a call with a raw peer; tag is ours, ";tag=…".
func inCall(t *testing.T, f func(r *rig.Rig, c *callee, tag string)) {
	t.Helper()
	c := new(callee)
	rig.Run(t, func(r *rig.Rig) {
		c.ua = dialog.New(dialog.Config{Layer: r.Layer, Wire: r.Wire, User: "us", Supported: []string{"norefersub"}})
		r.Go(c.ua.Run)
		r.Handle(c.ua, rtc.HandlerFunc(func(q *rtc.Request) error { return c.serve(r, q) }))
		r.Say(inside("INVITE", "", 1, "Content-Type: application/sdp", "", "offer"))
		tag := ";tag=" + string(r.Want("200 INVITE")[0].ToTag())
		r.Say(inside("ACK", tag, 1))
		f(r, c, tag)
	})
}

func lines(m *sip.Message, names ...string) string {
	var list []string
	for _, n := range names {
		list = append(list, string(m.GetName(n)))
	}
	return strings.Join(list, " | ")
}

func (c *callee) do(f func(*Referral)) { c.session.Do(func() { f(c.referral) }) }

// What is notified of a reference, from 100 to the end.
func TestAccept(t *testing.T) {
	inCall(t, func(r *rig.Rig, c *callee, tag string) {
		r.Say(inside("REFER", tag, 2, "Refer-To: <sip:+49301@example.com;user=phone>", "Referred-By: <sip:peer@example.com>"))
		got := r.Want("202 REFER", "NOTIFY")
		if s := lines(got[0], "Contact", "Refer-Sub"); s != "<sip:us@10.0.0.2:5060> | " {
			t.Errorf("202: %s", s)
		}
		if c.referral.URI != "sip:+49301@example.com;user=phone" || c.referral.ReferredBy != "<sip:peer@example.com>" || c.referral.Method != "INVITE" {
			t.Errorf("referral %+v", c.referral)
		}
		check := func(m *sip.Message, state, body string) {
			t.Helper()
			if s := lines(m, "Event", "Subscription-State", "Content-Type"); s != "refer;id=2 | "+state+" | message/sipfrag;version=2.0" || string(m.Body()) != body+"\r\n" {
				t.Errorf("NOTIFY %s\n%s, want %s\n%s", s, m.Body(), state, body)
			}
			r.Reply(m, 200, "", "")
		}
		check(got[1], "active;expires=180", "SIP/2.0 100 Trying")
		c.do(func(f *Referral) { f.Progress(180, "") })
		m := r.Want("NOTIFY")[0]
		if !strings.HasPrefix(lines(m, "Subscription-State"), "active;expires=1") {
			t.Errorf("state %s", lines(m, "Subscription-State"))
		}
		r.Reply(m, 200, "", "")
		c.do(func(f *Referral) {
			f.Progress(100, "") // not backwards
			f.Finish(200, "Answered")
			f.Finish(500, "")
			f.Progress(183, "")
		})
		check(r.Want("NOTIFY")[0], "terminated;reason=noresource", "SIP/2.0 200 Answered")
		r.Sleep(10 * time.Minute)
		r.Want()
		if c.session.State() != dialog.Confirmed {
			t.Errorf("the call is %v", c.session.State())
		}
	})
}

// The transferor hangs up before the target has answered: he may still hear how
// it went, and when he does not want to, nothing else happens.
func TestTransferorHangsUp(t *testing.T) {
	for _, listens := range []bool{true, false} {
		inCall(t, func(r *rig.Rig, c *callee, tag string) {
			r.Say(inside("REFER", tag, 2, "Refer-To: sip:bob@example.com"))
			r.Reply(r.Want("202 REFER", "NOTIFY")[1], 200, "", "")
			r.Say(inside("BYE", tag, 3))
			r.Want("200 BYE")
			r.WantNotes("call ended bye")
			c.do(func(f *Referral) { f.Progress(180, "") })
			m := r.Want("NOTIFY")[0]
			if listens {
				r.Reply(m, 200, "", "")
				c.do(func(f *Referral) { f.Finish(486, "") })
				m = r.Want("NOTIFY")[0]
				if string(m.Body()) != "SIP/2.0 486 Busy Here\r\n" {
					t.Errorf("NOTIFY %s", m.Body())
				}
				r.Reply(m, 200, "", "")
			} else {
				r.Reply(m, 481, "", "")
				c.do(func(f *Referral) { f.Finish(200, "") })
			}
			r.Sleep(time.Minute)
			r.Want()
			if l := c.ua.Table().Len(); l != 0 {
				t.Errorf("%d dialogs left", l)
			}
		})
	}
}

// RFC 4488: no NOTIFYs.
func TestQuietReferrals(t *testing.T) {
	for _, line := range []string{"Refer-Sub: false", "Require: norefersub"} {
		inCall(t, func(r *rig.Rig, c *callee, tag string) {
			r.Say(inside("REFER", tag, 2, "Refer-To: sip:bob@example.com", line))
			if s := lines(r.Want("202 REFER")[0], "Refer-Sub"); s != "false" {
				t.Errorf("Refer-Sub: %s", s)
			}
			c.do(func(f *Referral) { f.Progress(180, ""); f.Finish(200, "") })
			r.Sleep(time.Minute)
			r.Want()
		})
	}
}

// Two references in one dialog are told apart (RFC 3515 §2.4.6), refreshed and
// ended by their id.
func TestTwoReferrals(t *testing.T) {
	inCall(t, func(r *rig.Rig, c *callee, tag string) {
		r.Say(inside("REFER", tag, 2, "Refer-To: sip:bob@example.com"))
		r.Reply(r.Want("202 REFER", "NOTIFY")[1], 200, "", "")
		first := c.referral
		r.Say(inside("REFER", tag, 3, "Refer-To: sip:carol@example.com"))
		r.Reply(r.Want("202 REFER", "NOTIFY")[1], 200, "", "")
		c.do(func(*Referral) { first.Finish(404, "") })
		m := r.Want("NOTIFY")[0]
		if lines(m, "Event") != "refer;id=2" {
			t.Errorf("NOTIFY of %s", lines(m, "Event"))
		}
		r.Reply(m, 200, "", "")
		r.Say(inside("SUBSCRIBE", tag, 4, "Event: refer;id=3", "Expires: 0"))
		m = r.Want("200 SUBSCRIBE", "NOTIFY")[1]
		if s := lines(m, "Event", "Subscription-State"); s != "refer;id=3 | terminated;reason=timeout" {
			t.Errorf("NOTIFY %s", s)
		}
		r.Reply(m, 200, "", "")
		c.do(func(f *Referral) { f.Finish(200, "") }) // nobody listens
		r.Sleep(time.Second)
		r.Want()
	})
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		value string
		want  Target
		code  int
	}{
		{"<sip:bob@example.com>", Target{URI: "sip:bob@example.com", Method: "INVITE"}, 0},
		{"sip:bob@example.com;x=1", Target{URI: "sip:bob@example.com", Method: "INVITE"}, 0},
		{`"Bob" <sip:bob@example.com;method=BYE;x=1>`, Target{URI: "sip:bob@example.com;x=1", Method: "BYE"}, 0},
		{"<tel:+49301>", Target{URI: "tel:+49301", Method: "INVITE"}, 0},
		{"<sip:bob@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", Target{URI: "sip:bob@h", Method: "INVITE", Replaces: Replaced{"a@b", "1", "2", false}}, 0},
		{"<sip:bob@h;x?Require=replaces&Replaces=a%3Bfrom-tag%3D2%3Bto-tag%3D1%3Bearly-only>", Target{URI: "sip:bob@h;x", Method: "INVITE", Replaces: Replaced{"a", "1", "2", true}, Header: []byte("Require: replaces\r\n")}, 0},
		{"<sip:bob@h?body=evil&Subject=hi%20there>", Target{URI: "sip:bob@h", Method: "INVITE", Header: []byte("Subject: hi there\r\n")}, 0},
		{"<sip:bob@h?Subject=a%0D%0AEvil:%20b>", Target{}, 400},
		{"<sip:bob@h?Replaces=a>", Target{}, 400},
		{"<sip:bob@h?Subject>", Target{}, 400},
		{"*", Target{}, 400},
		{"<>", Target{}, 400},
		{"<sip:a@b>, <sip:c@d>", Target{}, 400},
		{"<sip:a@b>\r\nRefer-To: <sip:c@d>", Target{}, 400},
		{"", Target{}, 400},
	} {
		m := new(sip.Message)
		text := "REFER sip:a@b SIP/2.0\r\nCSeq: 1 REFER\r\n"
		if c.value != "" {
			text += "Refer-To: " + c.value + "\r\n"
		}
		if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		got, err := Read(m)
		if st, ok := err.(*rtc.Status); ok || c.code != 0 {
			if !ok || st.Code != c.code {
				t.Errorf("%s: %v, want %d", c.value, err, c.code)
			}
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.value, got, c.want)
		}
	}
}

// send refers the peer and notes what comes of it.
func (c *callee) send(r *rig.Rig, ref Reference) {
	ref.Progress = func(code int, reason string) { r.Note("%d %s", code, reason) }
	ref.Done = func(accepted bool, code int, reason string) { r.Note("done %v %d %s", accepted, code, reason) }
	c.session.Do(func() { Send(c.session, ref) })
	r.Sleep(100 * time.Millisecond)
}

func sipfrag(tag string, seq int, event, state, line string) string {
	return inside("NOTIFY", tag, seq, "Event: "+event, "Subscription-State: "+state, "Content-Type: message/sipfrag;version=2.0", "", line)
}

func TestSend(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps func(r *rig.Rig, tag string, m *sip.Message, id string)
		notes []string
	}{
		{"to the end", func(r *rig.Rig, tag string, m *sip.Message, id string) {
			r.Reply(m, 202, "", "")
			r.Say(sipfrag(tag, 2, "refer;id="+id, "active;expires=60", "SIP/2.0 100 Trying"))
			r.Say(sipfrag(tag, 3, "refer;id="+id, "active;expires=60", "SIP/2.0 180 Ringing"))
			r.Say(sipfrag(tag, 4, "refer;id="+id, "terminated;reason=noresource", "SIP/2.0 200 OK"))
		}, []string{"100 Trying", "180 Ringing", "done true 200 OK"}},
		{"NOTIFY before the 202, without id", func(r *rig.Rig, tag string, m *sip.Message, id string) {
			r.Say(sipfrag(tag, 2, "refer", "active", "SIP/2.0 100 Trying"))
			r.Reply(m, 202, "", "")
			r.Say(sipfrag(tag, 3, "refer", "terminated", "SIP/2.0 486 Busy Here"))
		}, []string{"100 Trying", "done true 486 Busy Here"}},
		{"refused", func(r *rig.Rig, tag string, m *sip.Message, id string) { r.Reply(m, 603, "", "") }, []string{"done false 603 Decline"}},
		{"not told", func(r *rig.Rig, tag string, m *sip.Message, id string) { r.Reply(m, 202, "", "Refer-Sub: false\r\n") }, []string{"done true 0"}},
		{"never told", func(r *rig.Rig, tag string, m *sip.Message, id string) {
			r.Reply(m, 202, "", "")
			r.Sleep(33 * time.Second)
		}, []string{"done true 0"}},
		{"told nonsense", func(r *rig.Rig, tag string, m *sip.Message, id string) {
			r.Reply(m, 202, "", "")
			r.Say(sipfrag(tag, 2, "refer", "active", "HTTP/1.1 200 OK"))
			r.Say(sipfrag(tag, 3, "refer", "terminated", "SIP/2.0 9x9 OK"))
		}, []string{"done true 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inCall(t, func(r *rig.Rig, who *callee, tag string) {
				who.send(r, Reference{To: "sip:carol@example.com", By: "<sip:us@example.com>"})
				m := r.Want("REFER")[0]
				if s := lines(m, "Refer-To", "Referred-By", "Contact"); s != "<sip:carol@example.com> | <sip:us@example.com> | <sip:us@10.0.0.2:5060>" {
					t.Errorf("REFER %s", s)
				}
				seq, _ := m.CSeq()
				c.steps(r, tag, m, fmt.Sprint(seq))
				r.WantNotes(c.notes...)
				if who.session.State() != dialog.Confirmed {
					t.Errorf("the call is %v", who.session.State())
				}
				r.Got()
				r.Say(sipfrag(tag, 9, "refer;id=77", "active", "SIP/2.0 100 Trying")) // of no REFER of ours: the user decides
				if got := r.Got(); len(got) != 1 || got[0].StatusCode() < 400 {
					t.Errorf("%d answers to a strange NOTIFY", len(got))
				}
			})
		})
	}
}

// An attended transfer names the dialog that is taken over; what is sent is read
// back the same.
func TestSendReplaces(t *testing.T) {
	inCall(t, func(r *rig.Rig, c *callee, tag string) {
		ref := Replaced{CallID: "a;b=c@host", ToTag: "1&2", FromTag: "%41", EarlyOnly: true}
		c.send(r, Reference{To: "sip:carol@example.com", Replaces: ref, Quiet: true})
		m := r.Want("REFER")[0]
		if s := lines(m, "Refer-Sub", "Supported"); s != "false | norefersub" {
			t.Errorf("REFER %s", s)
		}
		_, params, _ := strings.Cut(lines(m, "Refer-To"), "?")
		if strings.ContainsAny(params, ";=@&") && strings.Count(params, "=") != 1 {
			t.Errorf("not escaped: %s", params)
		}
	})
	ref := Replaced{CallID: "a/b@host", ToTag: "x1", FromTag: "y2", EarlyOnly: true}
	r := Reference{To: "sip:carol@example.com?Subject=x", Replaces: ref}
	got, reason := parseTarget([]byte("<" + r.to() + ">"))
	if got.Replaces != ref || reason != "" {
		t.Errorf("read back %+v, %s", got, reason)
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("<sip:bob@h;method=X?Replaces=a%3Bfrom-tag%3D2%3Bto-tag%3D1&Subject=%20x>")
	f.Add("sip:b?=")
	f.Fuzz(func(t *testing.T, v string) {
		got, reason := parseTarget([]byte(v))
		if reason == "" && strings.Count(string(got.Header), "\n") != strings.Count(string(got.Header), "\r\n") {
			t.Errorf("a line more: %q", got.Header)
		}
		statusOf([]byte(v))
	})
}
