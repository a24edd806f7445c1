package harness

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"tandem/rtc/sip"
)

var challengeParam = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// Credentials answers the MD5 challenge of a 401 or 407 the way RFC 2069 had it
// when qop is "", else with qop=auth.
func Credentials(m *sip.Message, user, pass, method, uri, qop string) (line string, err error) {
	id, name := sip.HdrWWWAuthenticate, "Authorization"
	if m.StatusCode() == 407 {
		id, name = sip.HdrProxyAuthenticate, "Proxy-Authorization"
	}
	for i := range m.Len() {
		h := m.At(i)
		if h.ID != id {
			continue
		}
		p := map[string]string{}
		for _, kv := range challengeParam.FindAllStringSubmatch(string(h.Value), -1) {
			p[strings.ToLower(kv[1])] = kv[2]
		}
		if alg := p["algorithm"]; alg != "" && alg != "MD5" {
			continue
		}
		sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
		ha1, ha2 := sum(user+":"+p["realm"]+":"+pass), sum(method+":"+uri)
		line = fmt.Sprintf(`%s: Digest username="%s",realm="%s",nonce="%s",uri="%s"`, name, user, p["realm"], p["nonce"], uri)
		if qop == "" {
			return line + fmt.Sprintf(`,response="%s"`, sum(ha1+":"+p["nonce"]+":"+ha2)), nil
		}
		return line + fmt.Sprintf(`,response="%s",qop=auth,nc=00000001,cnonce="0a4f113b",algorithm=MD5`,
			sum(ha1+":"+p["nonce"]+":00000001:0a4f113b:auth:"+ha2)), nil
	}
	return "", fmt.Errorf("no MD5 challenge in\n%s", m.Bytes())
}

// Register registers a user from this agent and returns the 200.
func (w *Wire) Register(user string, lines ...string) *sip.Message {
	w.T.Helper()
	m := w.tryRegister(user, lines...)
	if m.StatusCode() != 200 {
		w.T.Fatalf("REGISTER of %s was answered\n%s", user, m.Bytes())
	}
	return m
}

func (w *Wire) tryRegister(user string, lines ...string) *sip.Message {
	w.T.Helper()
	id, tag := Unique(), Unique()
	contact := "Contact: " + w.Contact(user)
	for _, l := range lines {
		if strings.HasPrefix(l, "Contact:") {
			contact = ""
		}
	}
	if contact != "" {
		lines = append(lines, contact)
	}
	ask := func(n int, extra ...string) *sip.Message {
		w.Send(CRLF(fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: %d REGISTER\n%s\nContent-Length: 0\n",
			Domain, w.Via(), user, Domain, tag, user, Domain, id, n, strings.Join(append(lines, extra...), "\n"))))
		return w.Final(id, "REGISTER")
	}
	m := ask(1)
	if m.StatusCode() != 401 {
		return m
	}
	line, err := Credentials(m, user, cmp.Or(w.Pass, Password), "REGISTER", "sip:"+Domain, "auth")
	if err != nil {
		w.T.Fatal(err)
	}
	return ask(2, line)
}

// Ask sends a request of a registered user, with credentials when it is asked for
// them, and returns its Call-ID. Answers are the caller's matter.
func (w *Wire) Ask(method, user, uri string, lines, body string) (callID string) {
	w.T.Helper()
	id, tag := Unique(), Unique()
	from := cmp.Or(w.From, "sip:"+user+"@"+Domain)
	text := func(n int, extra string) string {
		head := fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <%s>;tag=%s\nTo: <%s>\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n",
			method, uri, w.Via(), from, tag, uri, id, n, method, w.Contact(user))
		for _, l := range []string{lines, extra} {
			if l = strings.TrimSpace(l); l != "" {
				head += l + "\n"
			}
		}
		head += fmt.Sprintf("Content-Length: %d\n\n", len(body))
		return strings.ReplaceAll(head, "\n", "\r\n") + body
	}
	w.Send(text(1, ""))
	m, err := w.Next(Patience, func(m *sip.Message) bool { return !m.IsRequest() && string(m.CallID()) == id && m.StatusCode() > 100 })
	if err != nil {
		w.T.Fatalf("%s: %v", method, err)
	}
	if m.StatusCode() != 407 && m.StatusCode() != 401 {
		w.Aside = append(w.Aside, m)
		return id
	}
	if method == "INVITE" {
		w.Ack(m, uri)
	}
	line, err := Credentials(m, user, cmp.Or(w.Pass, Password), method, uri, "auth")
	if err != nil {
		w.T.Fatal(err)
	}
	w.Send(text(2, line))
	return id
}

// Ack acknowledges an INVITE's final response: of a failure on its own branch,
// of a 2xx along its route set to the Contact.
func (w *Wire) Ack(m *sip.Message, uri string) {
	w.T.Helper()
	cseq, _ := m.CSeq()
	var routes string
	via := string(sip.FirstElement(m.Get(sip.HdrVia)))
	if m.StatusCode() < 300 {
		routes, via = RouteSet(m), w.Via()
		if a, ok := m.FirstAddr(sip.HdrContact); ok {
			uri = string(a.URI)
		}
	}
	w.Send(CRLF(fmt.Sprintf("ACK %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d ACK\n%sContent-Length: 0\n",
		uri, via, m.Get(sip.HdrFrom), m.Get(sip.HdrTo), m.CallID(), cseq, routes)))
}

// RouteSet is the Route lines of a caller by a response.
func RouteSet(m *sip.Message) string {
	var list []string
	for v := range m.Values(sip.HdrRecordRoute) {
		list = append(list, "Route: "+string(v)+"\n")
	}
	var s string
	for i := len(list) - 1; i >= 0; i-- {
		s += list[i]
	}
	return s
}

// Header is the value of a header by its name, "" without one.
func Header(m *sip.Message, name string) string {
	var all []string
	for i := range m.Len() {
		if h := m.At(i); sip.EqualFold(h.Name, name) {
			all = append(all, string(h.Value))
		}
	}
	return strings.Join(all, " | ")
}

// Inside sends a request in the dialog of an INVITE that this agent has answered
// with a tag.
func (w *Wire) Inside(invite *sip.Message, tag, method string, seq int, lines, body string) {
	w.T.Helper()
	target, _ := invite.FirstAddr(sip.HdrContact)
	w.Send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s;tag=%s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%sContent-Length: %d\n\n",
		method, target.URI, w.Via(), invite.Get(sip.HdrTo), tag, invite.Get(sip.HdrFrom), invite.CallID(), seq, method, w.Contact("device"), lines, len(body)), "\n", "\r\n") + body)
}

func (w *Wire) Bye(invite *sip.Message, tag string) {
	w.T.Helper()
	w.Inside(invite, tag, "BYE", 100, "", "")
}

// Agreed answers the offer of a re-INVITE, once agree has been said.
func (w *Wire) Agreed(m *sip.Message) bool {
	if !w.Agrees.Load() || !m.IsRequest() || m.Method() != sip.INVITE || len(m.ToTag()) == 0 {
		return false
	}
	header := "Contact: " + w.Contact("x") + "\r\n" + strings.ReplaceAll(SDPType, "\n", "\r\n")
	_ = w.Write(sip.AppendResponse(nil, m, sip.Response{Code: 200, Header: []byte(header), Body: []byte(SDPOf(30030, "0"))}))
	return true
}
