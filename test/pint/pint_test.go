package pint

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
	"tandem/test/harness"
)

// pintClient is a PINT client that sends what RFC 2848 prints: one address in From
// and Via, no Contact, no Max-Forwards, no branch, unless it is told otherwise.
type pintClient struct {
	*harness.Wire
	user string
}

// britain is where the numbers of RFC 2848 §4.9 are dialled.
func britain(cfg *config.Config) { cfg.Numbers.Country = "GB" }

// example is a request of RFC 2848 §4 for the server of a rig, sent by user: the
// host of the service, From, Via, Call-ID and the length differ from what is
// printed, and what replace says.
func (q *pintClient) example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../pint/testdata/rfc2848-" + name + ".txt")
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
	head = regexp.MustCompile(`^INVITE\s+(sip:[^@]+@)[^\s;]+(\S*)\s+`).ReplaceAllString(head, "INVITE ${1}"+harness.Domain+"$2 ") // two blanks in a request line are refused, RFC 4475 §3.1.2.10
	line("Via:", "Via: SIP/2.0/UDP "+q.Local.String())
	line("From:", "From: sip:"+q.user+"@"+harness.Domain)
	line("Call-ID:", "Call-ID: "+harness.Unique())
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
	q.Send(text)
	m := q.Final(id, "INVITE")
	if m.StatusCode() != 407 {
		return m
	}
	uri := strings.Fields(text)[1]
	q.plainAck(m, text)
	line, err := harness.Credentials(m, q.user, harness.Password, "INVITE", uri, "auth")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(cseqLine.FindStringSubmatch(text)[1])
	text = cseqLine.ReplaceAllString(text, fmt.Sprintf("CSeq: %d ", n+1))
	q.Send(strings.Replace(text, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1))
	return q.Final(id, "INVITE")
}

// plainAck acknowledges a response as a client of RFC 2543 does: to the Request-URI
// of its request, with the To of the response.
func (q *pintClient) plainAck(m *sip.Message, text string) {
	n, _ := m.CSeq()
	q.Send(fmt.Sprintf("ACK %s SIP/2.0\nVia: %s\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d ACK\nContent-Length: 0\n\n",
		strings.Fields(text)[1], sip.FirstElement(m.Get(sip.HdrVia)), m.Get(sip.HdrFrom), bytes.ReplaceAll(m.Get(sip.HdrTo), []byte("\r\n"), nil), m.CallID(), n))
}

// within sends a request in the dialog of a response.
func (q *pintClient) within(m *sip.Message, method string, lines, body string) {
	target, _ := m.FirstAddr(sip.HdrContact)
	n, _ := m.CSeq()
	q.Send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n%sContent-Length: %d\n\n",
		method, target.URI, q.Via(), m.Get(sip.HdrFrom), m.Get(sip.HdrTo), m.CallID(), n+10, method, lines, len(body)), "\n", "\r\n") + body)
}

// pintRig is a server with alice, who owns +44-1794-8331013 and has a phone, and a
// gateway to all numbers.
func pintRig(t *testing.T, adjust ...func(*config.Config)) (r *harness.Rig, q *pintClient, alice, gateway *harness.Wire) {
	t.Helper()
	r = harness.StartServer(t, func(cfg *config.Config) {
		britain(cfg)
		for _, f := range adjust {
			f(cfg)
		}
	})
	r.User("alice", "eve")
	if err := r.S.Directory().AddAlias(harness.Soon(t), "sip:alice@"+harness.Domain, "tel:+4417948331013"); err != nil {
		t.Fatal(err)
	}
	gateway, alice = r.RawTrunk(t, "pstn", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} }), r.Dial(t, "udp")
	alice.Register("alice")
	return r, &pintClient{r.Dial(t, "udp"), "alice"}, alice, gateway
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
	watch := q.Final(string(ok.CallID()), "SUBSCRIBE")
	if watch.StatusCode() != 200 || info(t, watch) != "queued" {
		t.Fatalf("SUBSCRIBE was answered\n%s", watch.Bytes())
	}
	status := func(want ...string) {
		t.Helper()
		for _, w := range want {
			m := q.Request("NOTIFY")
			if got := info(t, m); !strings.HasPrefix(got, w) {
				t.Errorf("status %q, want %q", got, w)
			}
			q.Reply(m, 200, "", "", "")
		}
	}
	status("queued")
	if m, err := alice.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Fatalf("she is called before the client has confirmed:\n%s", m.Bytes())
	}
	q.plainAck(ok, text)
	status("dialling B")
	first := alice.Request("INVITE")
	if from, _ := first.From(); string(from.URI) != "sip:+44345123456@"+harness.Domain {
		t.Errorf("alice sees %s", from.URI)
	}
	alice.Reply(first, 180, "a", "", "")
	status("B ringing")
	alice.Answer(first, 200, "a", 30000)
	alice.Request("ACK")
	status("B answered", "dialling A")
	second := gateway.Request("INVITE")
	if u := string(second.RequestURI()); !strings.HasPrefix(u, "sip:+44345123456@") {
		t.Errorf("the gateway is asked for %s", u)
	}
	gateway.Reply(second, 180, "b", "", "")
	status("A ringing")
	gateway.Answer(second, 200, "b", 30002)
	gateway.Request("ACK")
	status("connected")
	q.within(ok, "BYE", "", "")
	if m := q.Final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	gateway.Reply(gateway.Request("BYE"), 200, "", "", "")
	status("ended by requester")
	if rows, want := pintRows(r, t), map[string]int{"ask-pint-call done": 1, "cancel-pint-call done": 1}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
	r.NothingLeft(t)
	rec := r.Records(t, 1)[0]
	if rec.State != cdr.Completed || rec.Payer != "sip:alice@"+harness.Domain || rec.Number != "+44345123456" || rec.Trunk != "pstn" {
		t.Errorf("record %+v", rec)
	}
	s := pintSession(r, t)
	if s.State != pint.Completed || s.Calls[0] != rec.ID || s.By != rtc.AOR("sip:alice@"+harness.Domain) || s.Service != "R2C" || s.EndedBy != "requester" || s.Gateway != "pstn" {
		t.Errorf("session %+v", s)
	}
}

// pintSession is the only session there was.
func pintSession(r *harness.Rig, t *testing.T) pint.Session {
	t.Helper()
	for end := time.Now().Add(harness.Patience); ; time.Sleep(5 * time.Millisecond) {
		list, err := r.S.PINT().Store().List(harness.Soon(t), pint.Query{})
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
