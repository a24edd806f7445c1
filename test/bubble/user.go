package bubble

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
)

// User is a phone in a dialog with the server.
type User struct {
	*Phone
	Name       string
	Id         string
	From, To   string // of our requests
	Target     string
	Seq        int
	Extra      string // lines of every request and 2xx of ours
	version    int
	unanswered []*sip.Message // what came
	Via        string         // of the INVITE
	seen       int            // how much of phone.got was looked at
}

// Supports are lines of phones that know PRACK and session timers.
const Supports = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\nSupported: timer, 100rel\r\n"

// SDP is a new description of the user's sound.
func (s *User) SDP() string {
	s.version++
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n", s.version)
}

// Write sends a request; the ACK has the number of the INVITE.
func (s *User) Write(method, uri string, seq int, lines, body string) {
	s.N++
	via := fmt.Sprintf("SIP/2.0/UDP %s;rport;branch=z9hG4bK%d-%d", s.Flow.Remote, s.Flow.Remote.Port(), s.N)
	if method == "INVITE" {
		s.Via = via
	}
	if body != "" {
		lines += "Content-Type: application/sdp\r\n"
	}
	s.Send(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\n%s%sContent-Length: %d\r\n\r\n%s",
		method, uri, via, s.From, s.To, s.Id, seq, method, s.Name, s.Flow.Remote, s.Extra, lines, len(body), body))
}

// Request sends one in the dialog.
func (s *User) Request(method, lines, body string) {
	if method != "ACK" {
		s.Seq++
	}
	s.Write(method, s.Target, s.Seq, lines, body)
}

// Came looks at what has come since and returns the first message that fits. The
// others are looked at again.
func (s *User) Came(what string) *sip.Message {
	s.Look()
	for ; s.seen < len(s.Got); s.seen++ {
		m := new(sip.Message)
		if m.Parse(s.Got[s.seen].Raw) == nil {
			s.unanswered = append(s.unanswered, m)
		}
	}
	for i, m := range s.unanswered {
		if kindOf(m) == what {
			s.unanswered = slices.Delete(s.unanswered, i, i+1)
			return m
		}
	}
	return nil
}

// kindOf is "INVITE", or "200 INVITE".
func kindOf(m *sip.Message) string {
	if m.IsRequest() {
		return string(m.MethodName())
	}
	return fmt.Sprint(m.StatusCode(), " ", string(m.CSeqMethod()))
}

// Want waits up to a second for a message.
func (s *User) Want(what string) *sip.Message {
	s.W.T.Helper()
	for range 100 {
		if m := s.Came(what); m != nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	var have []string
	for _, m := range s.unanswered {
		have = append(have, kindOf(m))
	}
	s.W.T.Fatalf("%s waits for %s; there came %q", s.Name, what, have)
	return nil
}

// Reply answers a request. A tag makes a dialog of it.
func (s *User) Reply(m *sip.Message, code int, tag, lines, body string) {
	r := sip.Response{Code: code, ToTag: tag, Header: []byte(lines), Body: []byte(body)}
	if code < 300 && code > 100 {
		r.Header = []byte(fmt.Sprintf("Contact: <sip:%s@%s>\r\n%s%s", s.Name, s.Flow.Remote, s.Extra, lines))
	}
	if body != "" {
		r.ContentType = "application/sdp"
	}
	s.Send(sip.AppendResponse(nil, m, r))
	if tag != "" && s.Id == "" {
		a, _ := m.FirstAddr(sip.HdrContact)
		s.Id, s.Target, s.Seq = string(m.CallID()), string(a.URI), 100
		s.From, s.To = string(m.Get(sip.HdrTo))+";tag="+tag, string(m.Get(sip.HdrFrom))
	}
}

// Led is the server with all calls led, and two phones.
func Led(t *testing.T, change func(w *World), f func(w *World, a, b *User)) {
	t.Helper()
	Run(t, func(w *World) {
		w.Cfg.Telephony.AllCalls, w.Cfg.Numbers.Country = true, "DE"
		w.Cfg.Media.Idle = 48 * time.Hour // nobody says anything
		w.Cfg.Media.Interfaces = []config.MediaInterface{{Addr: "127.0.0.1"}}
		if change != nil {
			change(w)
		}
		w.Stop()
		w.Open()
		a, b := &User{Phone: w.Phone(), Name: "alice", Extra: Supports}, &User{Phone: w.Phone(), Name: "bob", Extra: Supports}
		b.Register("bob", 3600)
		f(w, a, b)
		w.leavesNothing()
	})
}

// leavesNothing fails when something of calls is left a minute later. That no
// goroutine is left, the bubble sees to.
func (w *World) leavesNothing() {
	w.T.Helper()
	w.Pass(61 * time.Second)
	calls, dialogs, sessions, ports := w.S.Exchange().Active(), w.S.Exchange().Dialogs(), len(w.S.Media().Sessions()), w.ports.open.Load()
	if calls+dialogs+sessions != 0 || ports != 0 {
		w.T.Errorf("%d calls, %d dialogs, %d media sessions and %d ports are left", calls, dialogs, sessions, ports)
	}
}

// Calls sends the caller's INVITE.
func (s *User) Calls(uri, lines, body string) {
	s.Id, s.Seq = fmt.Sprint("call-", s.N, "-", s.Flow.Remote.Port()), 1
	s.From, s.To = fmt.Sprintf("<sip:%s@time.test>;tag=%d", s.Name, s.N), "<"+uri+">"
	s.Write("INVITE", uri, 1, lines, body)
}

// Connected takes the 200 and acknowledges it.
func (s *User) Connected() *sip.Message {
	s.W.T.Helper()
	m := s.Want("200 INVITE")
	a, _ := m.FirstAddr(sip.HdrContact)
	s.To, s.Target = string(m.Get(sip.HdrTo)), string(a.URI)
	s.Write("ACK", s.Target, 1, "", "")
	return m
}

// Talk connects the two.
func Talk(a, b *User, lines, answer string) {
	a.W.T.Helper()
	a.Calls("sip:bob@time.test", lines, a.SDP())
	b.Reply(b.Want("INVITE"), 200, "b", answer, b.SDP())
	b.Want("ACK")
	a.Connected()
}

// Over ends the call from a side.
func Over(a, b *User) {
	a.W.T.Helper()
	a.Request("BYE", "", "")
	a.Want("200 BYE")
	b.Reply(b.Want("BYE"), 200, "", "", "")
}

// Cancel takes the INVITE back, on its branch.
func (s *User) Cancel() {
	s.Send(fmt.Appendf(nil, "CANCEL sip:bob@time.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
		s.Via, s.From, s.To, s.Id))
}

// Early takes a 183 and acknowledges it where it wants that.
func (s *User) Early() *sip.Message {
	s.W.T.Helper()
	m := s.Want("183 INVITE")
	a, _ := m.FirstAddr(sip.HdrContact)
	s.To, s.Target = string(m.Get(sip.HdrTo)), string(a.URI)
	if m.HasToken(sip.HdrRequire, "100rel") {
		s.Request("PRACK", fmt.Sprintf("RAck: %s 1 INVITE\r\n", m.GetName("RSeq")), "")
		s.Want("200 PRACK")
	}
	return m
}

// AnswerTo is the status of the final response to a request.
func (s *User) AnswerTo(method string) int {
	for range 100 {
		s.Came("")
		for i, m := range s.unanswered {
			if !m.IsRequest() && string(m.CSeqMethod()) == method && m.StatusCode() >= 200 {
				s.unanswered = slices.Delete(s.unanswered, i, i+1)
				return m.StatusCode()
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0
}
