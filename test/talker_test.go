package test

import (
	"fmt"
	"strings"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
)

// talker is a phone in a dialog with the server.
type talker struct {
	*wire
	user         string
	id           string // Call-ID
	from, to     string // of our requests, with tags
	local, peer  string // tags
	target       string
	seq, version int
	port         int
}

// ledCalls has calls between users led, too.
func ledCalls(cfg *config.Config) {
	exchange(cfg)
	cfg.Telephony.AllCalls = true
}

// sdp is a description of this phone's, of a new version each time.
func (k *talker) sdp(lines string) string {
	k.version++
	text := fmt.Sprintf("v=0\no=- %d %d IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n%s", k.port, k.version, k.port, lines)
	if k.proto == "WS" || k.proto == "WSS" { // a browser
		text = strings.Replace(text, "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1) + "a=rtcp-mux\na=setup:active\na=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef01234567\n" +
			"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\n" + fmt.Sprintf("a=candidate:1 1 UDP 2130706431 127.0.0.1 %d typ host\n", k.port)
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// invites is the caller of a call, whose INVITE is on its way.
func (r *rig) invites(w *wire, user, to string, port int, lines ...string) *talker {
	r.t.Helper()
	k := &talker{wire: w, user: user, port: port, seq: 10}
	k.id = w.ask("INVITE", user, to, strings.Join(lines, "")+sdpType, k.sdp(""))
	return k
}

// connected takes the 200 and acknowledges it.
func (k *talker) connected() *sip.Message {
	k.t.Helper()
	m := k.accepted()
	k.ack(m, "")
	return m
}

// accepted takes the 200, and leaves the ACK to the caller.
func (k *talker) accepted() *sip.Message {
	k.t.Helper()
	m := k.final(k.id, "INVITE")
	if m.StatusCode() != 200 {
		k.t.Fatalf("%s's call is answered %d", k.user, m.StatusCode())
	}
	k.from, k.to = string(m.Get(sip.HdrFrom)), string(m.Get(sip.HdrTo))
	k.local, k.peer = string(m.FromTag()), string(m.ToTag())
	a, _ := m.FirstAddr(sip.HdrContact)
	k.target = string(a.URI)
	return m
}

// answers takes an INVITE that came and accepts it.
func (r *rig) answers(w *wire, user string, port int) *talker {
	r.t.Helper()
	k := &talker{wire: w, user: user, port: port, seq: 10}
	k.accept(w.request("INVITE"))
	w.request("ACK")
	return k
}

func (k *talker) accept(m *sip.Message) {
	k.t.Helper()
	k.local, k.peer, k.id = unique(), string(m.FromTag()), string(m.CallID())
	k.from, k.to = string(m.Get(sip.HdrTo))+";tag="+k.local, string(m.Get(sip.HdrFrom))
	a, _ := m.FirstAddr(sip.HdrContact)
	k.target = string(a.URI)
	k.reply(m, 200, k.local, "Contact: "+k.contact(k.user)+"\n"+sdpType, k.sdp(""))
}

// call has one phone call another one.
func (r *rig) call(a, b *wire, from, to string, port int) (caller, callee *talker) {
	r.t.Helper()
	caller = r.invites(a, from, "sip:"+to+"@"+domain, port)
	callee = r.answers(b, to, port+2)
	caller.connected()
	return caller, callee
}

// say sends a request in the dialog.
func (k *talker) say(method, lines, body string) {
	k.t.Helper()
	k.seq++
	k.sayAs(k.seq, method, lines, body)
}

func (k *talker) sayAs(seq int, method, lines, body string) {
	k.t.Helper()
	if body != "" && !strings.Contains(lines, "Content-Type") {
		lines += sdpType
	}
	k.send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%sContent-Length: %d\n\n",
		method, k.target, k.via(), k.from, k.to, k.id, seq, method, k.contact(k.user), lines, len(body)), "\n", "\r\n") + body)
}

// ask sends a request in the dialog and returns the final response.
func (k *talker) asks(method, lines, body string) *sip.Message {
	k.t.Helper()
	k.say(method, lines, body)
	m := k.final(k.id, method)
	if method == "INVITE" && m.StatusCode() < 300 {
		k.ackIt("")
	}
	return m
}

func (k *talker) ackIt(body string) {
	k.t.Helper()
	k.sayAs(k.seq, "ACK", "", body)
}

// expect answers a request in the dialog.
func (k *talker) expect(method string) *sip.Message {
	k.t.Helper()
	m, err := k.next(patience, func(m *sip.Message) bool {
		return m.IsRequest() && string(m.MethodName()) == method && string(m.CallID()) == k.id
	})
	if err != nil {
		k.t.Fatalf("%s waits for %s: %v", k.user, method, err)
	}
	return m
}

// ok answers a request in the dialog by 200.
func (k *talker) ok(method, lines, body string) *sip.Message {
	k.t.Helper()
	m := k.expect(method)
	if body != "" {
		lines += "Contact: " + k.contact(k.user) + "\n" + sdpType
	}
	k.reply(m, 200, "", lines, body)
	return m
}

// reoffered takes a re-INVITE, agrees to it and returns the offer.
func (k *talker) reoffered() *sip.Message {
	k.t.Helper()
	m := k.ok("INVITE", "", k.sdp(""))
	k.expect("ACK")
	return m
}

// hangsUp ends the call, from this side.
func (k *talker) hangsUp() {
	k.t.Helper()
	if m := k.asks("BYE", "", ""); m.StatusCode() != 200 {
		k.t.Errorf("%s's BYE is answered %d", k.user, m.StatusCode())
	}
}
