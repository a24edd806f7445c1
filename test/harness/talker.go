package harness

import (
	"fmt"
	"strings"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
)

// Talker is a phone in a dialog with the server.
type Talker struct {
	*Wire
	User         string
	ID           string // Call-ID
	From, To     string // of our requests, with tags
	Local, Peer  string // tags
	Target       string
	Seq, version int
	Port         int
}

// LedCalls has calls between users led, too.
func LedCalls(cfg *config.Config) {
	Exchange(cfg)
	cfg.Telephony.AllCalls = true
}

// SDP is a description of this phone's, of a new version each time.
func (k *Talker) SDP(lines string) string {
	k.version++
	text := fmt.Sprintf("v=0\no=- %d %d IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n%s", k.Port, k.version, k.Port, lines)
	if k.Proto == "WS" || k.Proto == "WSS" { // a browser
		text = strings.Replace(text, "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1) + "a=rtcp-mux\na=setup:active\na=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef01234567\n" +
			"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\n" + fmt.Sprintf("a=candidate:1 1 UDP 2130706431 127.0.0.1 %d typ host\n", k.Port)
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// Invites is the caller of a call, whose INVITE is on its way.
func (r *Rig) Invites(w *Wire, user, to string, port int, lines ...string) *Talker {
	r.T.Helper()
	k := &Talker{Wire: w, User: user, Port: port, Seq: 10}
	k.ID = w.Ask("INVITE", user, to, strings.Join(lines, "")+SDPType, k.SDP(""))
	return k
}

// Connected takes the 200 and acknowledges it.
func (k *Talker) Connected() *sip.Message {
	k.T.Helper()
	m := k.Accepted()
	k.Ack(m, "")
	return m
}

// Accepted takes the 200, and leaves the ACK to the caller.
func (k *Talker) Accepted() *sip.Message {
	k.T.Helper()
	m := k.Final(k.ID, "INVITE")
	if m.StatusCode() != 200 {
		k.T.Fatalf("%s's call is answered %d", k.User, m.StatusCode())
	}
	k.From, k.To = string(m.Get(sip.HdrFrom)), string(m.Get(sip.HdrTo))
	k.Local, k.Peer = string(m.FromTag()), string(m.ToTag())
	a, _ := m.FirstAddr(sip.HdrContact)
	k.Target = string(a.URI)
	return m
}

// Answers takes an INVITE that came and accepts it.
func (r *Rig) Answers(w *Wire, user string, port int) *Talker {
	r.T.Helper()
	k := &Talker{Wire: w, User: user, Port: port, Seq: 10}
	k.Accept(w.Request("INVITE"))
	w.Request("ACK")
	return k
}

func (k *Talker) Accept(m *sip.Message) {
	k.T.Helper()
	k.Local, k.Peer, k.ID = Unique(), string(m.FromTag()), string(m.CallID())
	k.From, k.To = string(m.Get(sip.HdrTo))+";tag="+k.Local, string(m.Get(sip.HdrFrom))
	a, _ := m.FirstAddr(sip.HdrContact)
	k.Target = string(a.URI)
	k.Reply(m, 200, k.Local, "Contact: "+k.Contact(k.User)+"\n"+SDPType, k.SDP(""))
}

// Call has one phone call another one.
func (r *Rig) Call(a, b *Wire, from, to string, port int) (caller, callee *Talker) {
	r.T.Helper()
	caller = r.Invites(a, from, "sip:"+to+"@"+Domain, port)
	callee = r.Answers(b, to, port+2)
	caller.Connected()
	return caller, callee
}

// Say sends a request in the dialog.
func (k *Talker) Say(method, lines, body string) {
	k.T.Helper()
	k.Seq++
	k.sayAs(k.Seq, method, lines, body)
}

func (k *Talker) sayAs(seq int, method, lines, body string) {
	k.T.Helper()
	if body != "" && !strings.Contains(lines, "Content-Type") {
		lines += SDPType
	}
	k.Send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%sContent-Length: %d\n\n",
		method, k.Target, k.Via(), k.From, k.To, k.ID, seq, method, k.Contact(k.User), lines, len(body)), "\n", "\r\n") + body)
}

// ask sends a request in the dialog and returns the final response.
func (k *Talker) Asks(method, lines, body string) *sip.Message {
	k.T.Helper()
	k.Say(method, lines, body)
	m := k.Final(k.ID, method)
	if method == "INVITE" && m.StatusCode() < 300 {
		k.AckIt("")
	}
	return m
}

func (k *Talker) AckIt(body string) {
	k.T.Helper()
	k.sayAs(k.Seq, "ACK", "", body)
}

// Expect answers a request in the dialog.
func (k *Talker) Expect(method string) *sip.Message {
	k.T.Helper()
	m, err := k.Next(Patience, func(m *sip.Message) bool {
		return m.IsRequest() && string(m.MethodName()) == method && string(m.CallID()) == k.ID
	})
	if err != nil {
		k.T.Fatalf("%s waits for %s: %v", k.User, method, err)
	}
	return m
}

// Ok answers a request in the dialog by 200.
func (k *Talker) Ok(method, lines, body string) *sip.Message {
	k.T.Helper()
	m := k.Expect(method)
	if body != "" {
		lines += "Contact: " + k.Contact(k.User) + "\n" + SDPType
	}
	k.Reply(m, 200, "", lines, body)
	return m
}

// Reoffered takes a re-INVITE, agrees to it and returns the offer.
func (k *Talker) Reoffered() *sip.Message {
	k.T.Helper()
	m := k.Ok("INVITE", "", k.SDP(""))
	k.Expect("ACK")
	return m
}

// HangsUp ends the call, from this side.
func (k *Talker) HangsUp() {
	k.T.Helper()
	if m := k.Asks("BYE", "", ""); m.StatusCode() != 200 {
		k.T.Errorf("%s's BYE is answered %d", k.User, m.StatusCode())
	}
}
