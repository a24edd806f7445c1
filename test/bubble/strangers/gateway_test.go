package strangers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/rtc/sip"
	"tandem/test/bubble"
)

const premium = "+19005550100" // no trunk is for it

// No request reaches a gateway but those the call layer sends there: whoever
// sends it and however it names the gateway.
func TestNoWayAroundTheGate(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		h := newHouse(w)
		for _, s := range h.senders() {
			h.names(s)
			h.bindings(s)
			h.redirections(s)
			h.marks(s)
			h.tokens(s)
		}
		t.Logf("%d requests, %d of them reached bob", h.n, h.rung)
		if h.rung == 0 {
			t.Error("none reached bob: they were refused for another reason")
		}
	})
}

// house is a server with a gateway, and all who would like to use it.
type house struct {
	w                                               *bubble.World
	gateway, other, bob, alice, mallory, trusted, x *bubble.Phone
	n, rung                                         int
}

// sender is one who would.
type sender struct {
	phone *bubble.Phone
	from  string
	login string // user with a password, "" for none
}

// newHouse has a gateway that takes +49 alone, and another one that may not pass
// calls on.
func newHouse(w *bubble.World) *house {
	h := &house{w: w, gateway: w.Phone(), other: w.PhoneAt(4)}
	w.Cfg.DNS.Servers = []string{"127.0.0.1:9"} // there is none
	w.Cfg.Auth.AllowForeign, w.Cfg.Proxy.RecurseRedirect = true, true
	w.Stop()
	w.Open()
	w.Trunk("site", h.other)
	w.Trunk("pstn", h.gateway)
	h.alice, h.bob, h.mallory, h.x, h.trusted = w.PhoneAt(2), w.Phone(), w.Phone(), w.PhoneAt(3), w.Phone()
	h.gateway.Attach()
	h.other.Attach()
	h.bob.Register("bob", 3600)
	return h
}

func (h *house) senders() []sender {
	return []sender{
		{h.alice, "sip:alice@time.test", "alice"},
		{h.trusted, "sip:pbx@else.test", ""},
		{h.x, "sip:x@else.test", ""},
		{h.other, "sip:+4930@else.test", ""},
	}
}

// spellings of the gateway's place, some of which are none.
func (h *house) spellings() []string {
	port := fmt.Sprint(":", h.gateway.Addr.Port())
	return []string{
		"127.0.0.1" + port, "localhost" + port, "LOCALHOST" + port, "localhost." + port, "[::ffff:127.0.0.1]" + port, "[::FFFF:7f00:1]" + port,
		"127.0.0.9" + port, "%31%32%37.0.0.1" + port, "127.1" + port, "2130706433" + port, "0x7f.0.0.1" + port, "127.0.0.01" + port,
		"else.test" + port + ";maddr=127.0.0.1", "time.test" + port + ";MADDR=127.0.0.1", "else.test" + port + ";maddr=localhost",
		"else.test" + port + ";%6Daddr=127.0.0.1", "127.0.0.1" + port + ";transport=UDP", "127.0.0.1" + port + ";transport=udp;lr;user=phone",
	}
}

// names has the request itself name the gateway.
func (h *house) names(s sender) {
	us := h.w.Cfg.Listen[0].Addr
	for _, at := range h.spellings() {
		gateway, hop, strict := "sip:"+premium+"@"+at, "<sip:"+at+";lr>", "<sip:"+premium+"@"+at+">"
		for _, c := range [][]string{ // Request-URI and Routes
			{gateway}, {"sips:" + premium + "@" + at}, {"sip:" + at},
			{"sip:" + premium + "@time.test", hop}, {"sip:" + premium + "@else.test", hop}, {"sip:bob@time.test", hop}, {"tel:" + premium, hop},
			{gateway, "<sip:" + us + ";lr>"}, {"sip:" + premium + "@time.test", "<sip:time.test;lr>", hop},
			{"sip:" + premium + "@else.test", "<sip:" + us + ";lr>", "<sip:" + us + ";lr;r2=on>", hop},
			{"sip:" + premium + "@else.test", strict}, {"sip:" + us + ";lr", strict}, {"sip:" + us, strict}, {"sip:" + us + ";lr", hop, strict},
			{"sip:" + premium + "@" + us + ";maddr=127.0.0.1", hop},
		} {
			for _, method := range []string{"INVITE", "MESSAGE", "REFER", "ACK", "BYE"} {
				for _, tag := range []string{"", ";tag=made-up"} {
					h.try(s, method, c[0], tag, "", c[1:]...)
				}
			}
		}
	}
}

// bindings has mallory register a detour, for whoever calls bob's colleague.
func (h *house) bindings(s sender) {
	us := h.w.Cfg.Listen[0].Addr
	for _, at := range h.spellings() {
		for _, c := range [][2]string{ // Contact and Path
			{"sip:" + premium + "@" + at, ""}, {"sip:" + premium + "@time.test", "<sip:" + at + ";lr>"},
			{"sip:" + premium + "@else.test", "<sip:" + us + ";lr>, <sip:" + at + ";lr>"},
			{"sip:" + premium + "@" + at + "?Route=%3Csip:" + at + "%3E", ""},
		} {
			h.register(c[0], c[1])
			h.try(s, "INVITE", "sip:alice@time.test", "", "")
			h.try(s, "MESSAGE", "sip:alice@time.test", "", "")
			h.try(s, "MESSAGE", "sip:alice@time.test", ";tag=made-up", "")
		}
	}
	h.register("*", "")
}

// register binds alice, whose phone is mallory's.
func (h *house) register(contact, path string) {
	head := []string{"Contact: <" + contact + ">", "Expires: 3600", "Supported: path"}
	if contact == "*" {
		head = []string{"Contact: *", "Expires: 0"}
	}
	if path != "" {
		head = append(head, "Path: "+path)
	}
	if contact != "*" {
		h.register("*", "")
	}
	h.mallory.Request("REGISTER", "alice", "alice", head...)
	h.mallory.Heard()
	h.mallory.Got = nil
}

// redirections has bob's phone send everybody on.
func (h *house) redirections(s sender) {
	for _, at := range h.spellings() {
		h.register("sip:"+premium+"@"+at, "")
		for _, to := range []string{"sip:" + premium + "@" + at, "sip:alice@time.test", "sip:" + premium + "@time.test"} {
			h.try(s, "MESSAGE", "sip:bob@time.test", "", "Contact: <"+to+">\r\n")
		}
	}
	h.register("*", "")
}

// marks has the Record-Route of a running call between users come back.
func (h *house) marks(s sender) {
	id := h.call(s, "sip:bob@time.test")
	record := h.invited()
	if record == nil {
		return
	}
	for _, at := range h.spellings() {
		for _, uri := range []string{"sip:" + premium + "@" + at, "sip:" + premium + "@else.test"} {
			route := append(slices.Clone(record), "<sip:"+at+";lr>")
			if uri == "sip:"+premium+"@"+at {
				route = record
			}
			for _, method := range []string{"INVITE", "ACK", "BYE", "REFER"} {
				h.send(s.phone, s, id, method, uri, ";tag=callee", "", route)
				h.judge(s.phone, method, uri, route)
			}
		}
	}
}

// call makes one to bob, and returns its Call-ID.
func (h *house) call(s sender, uri string) string {
	h.n++
	id := fmt.Sprint("call-", h.n)
	h.ask(s, id, "INVITE", uri, "", nil)
	return id
}

// invited is the Record-Route that bob is told; he answers.
func (h *house) invited() (record []string) {
	h.bob.Look()
	for _, r := range h.bob.Got {
		var m sip.Message
		if r.What == "INVITE" && m.Parse(r.Raw) == nil {
			for v := range m.Values(sip.HdrRecordRoute) {
				record = append(record, string(v))
			}
			h.bob.Answer("INVITE", 200)
		}
	}
	h.bob.Got = nil
	return record
}

// tokens has the flow token of the gateway itself come back, which has written to bob.
func (h *house) tokens(s sender) {
	h.n++
	from := sender{h.gateway, "sip:+4930@else.test", ""}
	h.send(h.gateway, from, fmt.Sprint("token-", h.n), "NOTIFY", "sip:bob@time.test", "", "Contact: <sip:gw@"+h.gateway.Addr.String()+";ob>\r\nEvent: message-summary\r\nSubscription-State: active\r\n", nil)
	h.bob.Look()
	var route []string
	for _, r := range h.bob.Got {
		var m sip.Message
		if r.What == "NOTIFY" && m.Parse(r.Raw) == nil {
			for v := range m.Values(sip.HdrRecordRoute) {
				route = append(route, string(v))
			}
			h.bob.Answer("NOTIFY", 200)
		}
	}
	h.bob.Got, h.gateway.Got = nil, nil
	if !strings.Contains(strings.Join(route, ""), "ft.") {
		h.w.T.Fatalf("no flow token in %q", route)
	}
	for _, method := range []string{"INVITE", "MESSAGE", "ACK", "BYE"} {
		for _, uri := range []string{"sip:" + premium + "@else.test", "sip:" + premium + "@" + h.gateway.Addr.String()} {
			for _, tag := range []string{"", ";tag=made-up"} {
				h.try(s, method, uri, tag, "", route...)
				h.try(s, method, uri, tag, "", route[len(route)-1])
			}
		}
	}
}

// try sends a request, with credentials if it is asked for them, and looks at who
// hears of it. bob answers with 302 to the contacts in redirect.
func (h *house) try(s sender, method, uri, tag, redirect string, route ...string) {
	h.n++
	h.ask(s, fmt.Sprint("try-", h.n), method, uri, tag, route)
	for _, p := range []*bubble.Phone{h.bob, h.mallory} {
		p.Look()
		for _, r := range p.Got {
			switch {
			case r.What != method || method == "ACK":
			case redirect != "" && p == h.bob:
				h.redirect(r.Raw, redirect)
			default:
				p.Answer(method, 486)
			}
			if p == h.bob && r.What == method {
				h.rung++
			}
		}
		p.Got = nil
	}
	h.judge(s.phone, method, uri, route)
}

func (h *house) redirect(raw []byte, contact string) {
	var m sip.Message
	if m.Parse(raw) == nil {
		h.bob.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 302, ToTag: "callee", Header: []byte(contact)}))
	}
}

// judge: neither gateway may hear of it.
func (h *house) judge(from *bubble.Phone, method, uri string, route []string) {
	for _, g := range []*bubble.Phone{h.gateway, h.other} {
		if g == from {
			continue
		}
		for _, what := range g.Heard() {
			if what[0] > '9' { // a request
				h.w.T.Errorf("%s from %s reached a gateway: %s, Route %q", what, from.Addr, uri, route)
			}
		}
		g.Got = nil
	}
	led := from == h.other && method == "INVITE" // calls from a trunk need more than this world has
	for end := time.Now().Add(time.Minute); method != "ACK" && !led && !final(from.Heard()); h.w.Pass(time.Second, from) {
		if time.Now().After(end) {
			h.w.T.Errorf("%s from %s to %s, Route %q is not answered", method, from.Addr, uri, route)
			break
		}
	}
	from.Got = nil
}

func final(heard []string) bool {
	return len(heard) > 0 && heard[len(heard)-1] >= "200"
}

// ask sends a request, and again with credentials when they are asked for.
func (h *house) ask(s sender, id, method, uri, tag string, route []string) {
	s.phone.Got = nil
	h.send(s.phone, s, id, method, uri, tag, "", route)
	if s.login == "" {
		return
	}
	s.phone.Look()
	for _, r := range s.phone.Got {
		if r.What != "407" && r.What != "401" {
			continue
		}
		var m sip.Message
		if m.Parse(r.Raw) != nil {
			continue
		}
		header, value := "Proxy-Authorization: ", m.Get(sip.HdrProxyAuthenticate)
		if r.What == "401" {
			header, value = "Authorization: ", m.Get(sip.HdrWWWAuthenticate)
		}
		c, err := digest.ParseChallenge(string(value))
		if err != nil {
			h.w.T.Fatal(err)
		}
		cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: s.login, Password: "a secret of theirs", Count: 1})
		if err != nil {
			h.w.T.Fatal(err)
		}
		s.phone.Got = nil
		h.send(s.phone, s, id, method, uri, tag, header+cred.String()+"\r\n", route)
		return
	}
}

func (h *house) send(p *bubble.Phone, s sender, id, method, uri, tag, lines string, route []string) {
	p.N++
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d\r\nMax-Forwards: 70\r\n", method, uri, p.Addr, id, p.N)
	fmt.Fprintf(&b, "From: <%s>;tag=f\r\nTo: <%s>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", s.from, uri, tag, id, p.N, method)
	for _, r := range route {
		fmt.Fprintf(&b, "Route: %s\r\n", r)
	}
	if !strings.Contains(lines, "Contact:") {
		fmt.Fprintf(&b, "Contact: <sip:x@%s>\r\n", p.Addr)
	}
	fmt.Fprintf(&b, "%sContent-Length: 0\r\n\r\n", lines)
	p.Send([]byte(b.String()))
}
