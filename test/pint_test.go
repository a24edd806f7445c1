package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/pint"
	"tandem/pint/sdp"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
)

// pintClient is a PINT client that sends what RFC 2848 prints: one address in From
// and Via, no Contact, no Max-Forwards, no branch, unless it is told otherwise.
type pintClient struct {
	*wire
	user string
}

// britain is where the numbers of RFC 2848 §4.9 are dialled.
func britain(cfg *config.Config) { cfg.Numbers.Country = "GB" }

// example is a request of RFC 2848 §4 for the server of a rig, sent by user: the
// host of the service, From, Via, Call-ID and the length differ from what is
// printed, and what replace says.
func (q *pintClient) example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile("../pint/testdata/rfc2848-" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s holds no %q:\n%s", name, replace[i], text)
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	head, body, _ := strings.Cut(text, "\n\n")
	line := func(pattern, with string) {
		head = regexp.MustCompile(`(?m)^`+pattern+`.*$`).ReplaceAllLiteralString(head, with)
	}
	head = regexp.MustCompile(`^INVITE\s+(sip:[^@]+@)[^\s;]+(\S*)\s+`).ReplaceAllString(head, "INVITE ${1}"+domain+"$2 ") // two blanks in a request line are refused, RFC 4475 §3.1.2.10
	line("Via:", "Via: SIP/2.0/UDP "+q.local.String())
	line("From:", "From: sip:"+q.user+"@"+domain)
	line("Call-ID:", "Call-ID: "+unique())
	line("Content-Length:", "Content-Length: "+strconv.Itoa(len(strings.ReplaceAll(body, "\n", "\r\n"))))
	if !strings.Contains(head, "Content-Length:") {
		head += "\nContent-Length: " + strconv.Itoa(len(strings.ReplaceAll(body, "\n", "\r\n")))
	}
	return strings.ReplaceAll(head+"\n\n"+body, "\n", "\r\n")
}

var (
	callIDLine = regexp.MustCompile(`(?m)^Call-ID: (\S+)`)
	cseqLine   = regexp.MustCompile(`(?m)^CSeq: (\d+) `)
)

// invite sends a request, with credentials when it is asked for them, and returns
// the final response.
func (q *pintClient) invite(t *testing.T, text string) *sip.Message {
	t.Helper()
	id := callIDLine.FindStringSubmatch(text)[1]
	q.send(text)
	m := q.final(id, "INVITE")
	if m.StatusCode() != 407 {
		return m
	}
	uri := strings.Fields(text)[1]
	q.plainAck(m, text)
	line, err := credentials(m, q.user, password, "INVITE", uri, "auth")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(cseqLine.FindStringSubmatch(text)[1])
	text = cseqLine.ReplaceAllString(text, fmt.Sprintf("CSeq: %d ", n+1))
	q.send(strings.Replace(text, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1))
	return q.final(id, "INVITE")
}

// plainAck acknowledges a response as a client of RFC 2543 does: to the Request-URI
// of its request, with the To of the response.
func (q *pintClient) plainAck(m *sip.Message, text string) {
	n, _ := m.CSeq()
	q.send(fmt.Sprintf("ACK %s SIP/2.0\nVia: %s\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d ACK\nContent-Length: 0\n\n",
		strings.Fields(text)[1], sip.FirstElement(m.Get(sip.HdrVia)), m.Get(sip.HdrFrom), bytes.ReplaceAll(m.Get(sip.HdrTo), []byte("\r\n"), nil), m.CallID(), n))
}

// within sends a request in the dialog of a response.
func (q *pintClient) within(m *sip.Message, method string, lines, body string) {
	target, _ := m.FirstAddr(sip.HdrContact)
	n, _ := m.CSeq()
	q.send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n%sContent-Length: %d\n\n",
		method, target.URI, q.via(), m.Get(sip.HdrFrom), m.Get(sip.HdrTo), m.CallID(), n+10, method, lines, len(body)), "\n", "\r\n") + body)
}

// pintRig is a server with alice, who owns +44-1794-8331013 and has a phone, and a
// gateway to all numbers.
func pintRig(t *testing.T, adjust ...func(*config.Config)) (r *rig, q *pintClient, alice, gateway *wire) {
	t.Helper()
	r = startServer(t, func(cfg *config.Config) {
		britain(cfg)
		for _, f := range adjust {
			f(cfg)
		}
	})
	r.user("alice", "eve")
	if err := r.s.Directory().AddAlias(soon(t), "sip:alice@"+domain, "tel:+4417948331013"); err != nil {
		t.Fatal(err)
	}
	gateway, alice = r.rawTrunk(t, "pstn", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} }), r.dial(t, "udp")
	alice.register("alice")
	return r, &pintClient{r.dial(t, "udp"), "alice"}, alice, gateway
}

// info is what a description says of the service.
func info(t *testing.T, m *sip.Message) string {
	t.Helper()
	d, err := sdp.Parse(m.Body())
	if err != nil {
		t.Fatalf("%v in\n%s", err, m.Bytes())
	}
	return d.Info
}

// TestPINT: an INVITE as RFC 2848 §4.9 prints it has the server call alice, then the
// number in To, and join them. Her client watches, and BYE ends the call.
func TestPINT(t *testing.T) {
	r, q, alice, gateway := pintRig(t)
	text := q.example(t, "4.9")
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	if n, found := ok.Expires(); !found || n != 7*24*3600 || info(t, ok) != "queued" {
		t.Errorf("accepted by\n%s", ok.Bytes())
	}
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 300\n", body) // before the ACK, as §3.5.3.4 recommends
	watch := q.final(string(ok.CallID()), "SUBSCRIBE")
	if watch.StatusCode() != 200 || info(t, watch) != "queued" {
		t.Fatalf("SUBSCRIBE was answered\n%s", watch.Bytes())
	}
	status := func(want ...string) {
		t.Helper()
		for _, w := range want {
			m := q.request("NOTIFY")
			if got := info(t, m); !strings.HasPrefix(got, w) {
				t.Errorf("status %q, want %q", got, w)
			}
			q.reply(m, 200, "", "", "")
		}
	}
	status("queued")
	if m, err := alice.next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Fatalf("she is called before the client has confirmed:\n%s", m.Bytes())
	}
	q.plainAck(ok, text)
	status("dialling B")
	first := alice.request("INVITE")
	if from, _ := first.From(); string(from.URI) != "sip:+44345123456@"+domain {
		t.Errorf("alice sees %s", from.URI)
	}
	alice.reply(first, 180, "a", "", "")
	status("B ringing")
	alice.answer(first, 200, "a", 30000)
	alice.request("ACK")
	status("B answered", "dialling A")
	second := gateway.request("INVITE")
	if u := string(second.RequestURI()); !strings.HasPrefix(u, "sip:+44345123456@") {
		t.Errorf("the gateway is asked for %s", u)
	}
	gateway.reply(second, 180, "b", "", "")
	status("A ringing")
	gateway.answer(second, 200, "b", 30002)
	gateway.request("ACK")
	status("connected")
	q.within(ok, "BYE", "", "")
	if m := q.final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	alice.reply(alice.request("BYE"), 200, "", "", "")
	gateway.reply(gateway.request("BYE"), 200, "", "", "")
	status("ended by requester")
	if rows, want := r.pintRows(t), map[string]int{"ask-pint-call done": 1, "cancel-pint-call done": 1}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
	r.nothingLeft(t)
	rec := r.records(t, 1)[0]
	if rec.State != cdr.Completed || rec.Payer != "sip:alice@"+domain || rec.Number != "+44345123456" || rec.Trunk != "pstn" {
		t.Errorf("record %+v", rec)
	}
	s := r.pintSession(t)
	if s.State != pint.Completed || s.Calls[0] != rec.ID || s.By != rtc.AOR("sip:alice@"+domain) || s.Service != "R2C" || s.EndedBy != "requester" || s.Gateway != "pstn" {
		t.Errorf("session %+v", s)
	}
}

// pintSession is the only session there was.
func (r *rig) pintSession(t *testing.T) pint.Session {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		list, err := r.s.PINT().Store().List(soon(t), pint.Query{})
		if err != nil || len(list) > 1 {
			t.Fatal(len(list), err)
		}
		if len(list) == 1 && list[0].State.Final() {
			return list[0]
		}
		if time.Now().After(end) {
			t.Fatalf("sessions %+v", list)
		}
	}
}
