package sip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// parse reads a message that must be accepted by Parse.
func parse(t testing.TB, b []byte) *Message {
	t.Helper()
	m := new(Message)
	if err := m.Parse(b); err != nil {
		t.Fatalf("%d %s\n%s", err.Code, err.Reason, b)
	}
	return m
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func text(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func count[T any](seq func(func(T) bool)) (n int) {
	for range seq {
		n++
	}
	return n
}

func TestParseINVITE(t *testing.T) {
	m := parse(t, sampleINVITE)
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	equal(t, "request", m.IsRequest(), true)
	equal(t, "method", m.Method(), INVITE)
	text(t, "method name", m.MethodName(), "INVITE")
	text(t, "uri", m.RequestURI(), "sip:bob@192.0.2.44:5060;transport=udp")
	equal(t, "lines", m.Len(), 15)
	h := m.At(2)
	equal(t, "id", h.ID, HdrFrom)
	text(t, "name", h.Name, "From")
	text(t, "value", h.Value, `"Alice Liddell" <sip:alice@example.com>;tag=1734621955`)
	v, ok := m.TopVia()
	equal(t, "via", ok, true)
	text(t, "transport", v.Transport, "UDP")
	text(t, "host", v.Host, "192.0.2.10")
	equal(t, "port", v.Port, 5060)
	text(t, "branch", v.Branch, "z9hG4bK3841726055")
	equal(t, "rport", v.RPort, true)
	text(t, "from tag", m.FromTag(), "1734621955")
	if m.ToTag() != nil {
		t.Errorf("to tag %q", m.ToTag())
	}
	n, ok := m.CSeq()
	equal(t, "cseq", n, 1)
	equal(t, "cseq ok", ok, true)
	text(t, "cseq method", m.CSeqMethod(), "INVITE")
	text(t, "call-id", m.CallID(), "0_2387463387@192.0.2.10")
	f, ok := m.MaxForwards()
	equal(t, "max-forwards", f, 70)
	equal(t, "max-forwards ok", ok, true)
	_, ok = m.Expires()
	equal(t, "expires", ok, false)
	equal(t, "allow", count(m.Values(HdrAllow)), 14)
	equal(t, "update", m.HasToken(HdrAllow, "UPDATE"), true)
	equal(t, "updat", m.HasToken(HdrAllow, "UPDAT"), false)
	r, ok := m.TopRoute()
	equal(t, "route", ok, true)
	text(t, "route uri", r.URI, "sip:proxy.example.com;lr")
	s, refresher, ok := m.SessionExpires()
	equal(t, "session", s, 1800)
	equal(t, "session ok", ok, true)
	text(t, "refresher", refresher, "uac")
	text(t, "user-agent", m.GetName("user-agent"), "Yealink SIP-T46S 66.85.0.5")
	equal(t, "has subject", m.Has(HdrSubject), false)
	if !bytes.HasPrefix(m.Body(), []byte("v=0\r\n")) || !bytes.Equal(m.Bytes(), sampleINVITE) {
		t.Errorf("body %q", m.Body())
	}
}

func TestParseResponse(t *testing.T) {
	m := parse(t, crlf(`
SIP/2.0 486 Busy here, sorry
Via: SIP/2.0/UDP a;branch=z9hG4bKa
From: <sip:a@b>;tag=1
To: <sip:c@d>;tag=2
Call-ID: x
CSeq: 7 SUBSCRIBE
Retry-After: 120 (at lunch);duration=60
Content-Length: 0

`))
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	equal(t, "request", m.IsRequest(), false)
	equal(t, "status", m.StatusCode(), 486)
	equal(t, "method", m.Method(), SUBSCRIBE)
	text(t, "reason", m.ReasonPhrase(), "Busy here, sorry")
	n, ok := m.RetryAfter()
	equal(t, "retry-after", n, 120)
	equal(t, "retry-after ok", ok, true)
	if m.RequestURI() != nil {
		t.Error("a response has no Request-URI")
	}
}

func TestHeaderNames(t *testing.T) {
	for id := HdrOther + 1; id < headerIDs; id++ {
		name := id.String()
		if name == "" {
			t.Fatalf("id %d has no name", id)
		}
		for _, s := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			equal(t, s, HeaderByName(s), id)
		}
		equal(t, name+"x", HeaderByName(name+"x"), HdrOther)
	}
	for c, id := range map[string]HeaderID{
		"i": HdrCallID, "m": HdrContact, "e": HdrContentEncoding, "l": HdrContentLength,
		"c": HdrContentType, "f": HdrFrom, "s": HdrSubject, "k": HdrSupported, "t": HdrTo,
		"v": HdrVia, "o": HdrEvent, "u": HdrAllowEvents, "r": HdrReferTo, "b": HdrReferredBy,
		"x": HdrSessionExpires, "j": HdrRejectContact, "a": HdrAcceptContact,
		"d": HdrRequestDisposition, "y": HdrIdentity, "V": HdrVia, "n": HdrOther, "z": HdrOther,
	} {
		equal(t, c, HeaderByName(c), id)
	}
	for _, s := range []string{"", "-", "0", "Vi@", "\xffia", strings.Repeat("x", 300)} {
		equal(t, s, HeaderByName(s), HdrOther)
	}
}

func TestRefusesSyntax(t *testing.T) {
	const rest = "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 OPTIONS\r\n"
	const line = "OPTIONS sip:b SIP/2.0\r\n"
	many := strings.Repeat("X: y\r\n", 300)
	for name, c := range map[string]struct {
		in   string
		code int
	}{
		"bare LF":             {strings.ReplaceAll(line+rest+"\r\n", "\r\n", "\n"), 400},
		"one bare LF":         {line + rest + "Subject: x\n\r\n", 400},
		"bare CR":             {line + rest + "Subject: x\rExpires: 1\r\n\r\n", 400},
		"CR only":             {strings.ReplaceAll(line+rest+"\r\n", "\r\n", "\r"), 0},
		"NUL in header":       {line + rest + "Subject: a\x00b\r\n\r\n", 400},
		"ESC in header":       {line + rest + "Subject: a\x1bb\r\n\r\n", 400},
		"blank in name":       {line + rest + "Sub ject: a\r\n\r\n", 400},
		"no token":            {line + rest + "Sub@ject: a\r\n\r\n", 400},
		"no name":             {line + rest + ": a\r\n\r\n", 400},
		"no colon":            {line + rest + "Subject\r\n\r\n", 400},
		"fold first":          {line + " Subject: x\r\n" + rest + "\r\n", 400},
		"not ended":           {line + rest, 400},
		"too many lines":      {line + rest + many + "\r\n", 513},
		"length huge":         {line + rest + "Content-Length: 99999999999999999999\r\n\r\n", 400},
		"length signed":       {line + rest + "Content-Length: +1\r\n\r\nx", 400},
		"length twice":        {line + rest + "l: 0\r\nContent-Length: 0\r\n\r\n", 400},
		"no version":          {"OPTIONS sip:b\r\n" + rest + "\r\n", 0},
		"old version":         {"OPTIONS sip:b SIP/1.0\r\n" + rest + "\r\n", 505},
		"no method":           {" sip:b SIP/2.0\r\n" + rest + "\r\n", 0},
		"no uri":              {"OPTIONS SIP/2.0\r\n" + rest + "\r\n", 400},
		"empty uri":           {"OPTIONS  SIP/2.0\r\n" + rest + "\r\n", 400},
		"HTTP":                {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
		"garbage":             {"jaK", 0},
		"NULs":                {"\x00\x00\x00\x00", 0},
		"nothing":             {"", 0},
		"CRLFs":               {"\r\n\r\n", 0},
		"without Via":         {line + "From: <sip:a@b>;tag=1\r\nTo <sip:c@d>\r\n\r\n", 0},
		"status 99":           {"SIP/2.0 099 x\r\n" + rest + "\r\n", 0},
		"status 700":          {"SIP/2.0 700 x\r\n" + rest + "\r\n", 0},
		"status 20":           {"SIP/2.0 20 x\r\n" + rest + "\r\n", 0},
		"status 2000":         {"SIP/2.0 2000 x\r\n" + rest + "\r\n", 0},
		"response bad length": {"SIP/2.0 200 x\r\n" + rest + "l: x\r\n\r\n", 0},
		"CSeq 2^31":           {line + strings.Replace(rest, "CSeq: 1", "CSeq: 2147483648", 1) + "\r\n", 400},
		"CSeq no method":      {line + strings.Replace(rest, "1 OPTIONS", "1", 1) + "\r\n", 400},
		"CSeq no blank":       {line + strings.Replace(rest, "1 OPTIONS", "1OPTIONS", 1) + "\r\n", 400},
		"CSeq case":           {line + strings.Replace(rest, "1 OPTIONS", "1 options", 1) + "\r\n", 400},
		"From star":           {line + strings.Replace(rest, "<sip:a@b>;tag=1", "*", 1) + "\r\n", 400},
		"From no scheme":      {line + strings.Replace(rest, "<sip:a@b>", "<a@b>", 1) + "\r\n", 400},
		"From open":           {line + strings.Replace(rest, "<sip:a@b>", "<sip:a@b", 1) + "\r\n", 400},
		"two From":            {line + rest + "f: <sip:a@b>\r\n\r\n", 400},
		"empty Call-ID":       {line + strings.Replace(rest, "Call-ID: i", "Call-ID:", 1) + "\r\n", 400},
		"empty Via":           {line + strings.Replace(rest, "SIP/2.0/UDP h;branch=z9hG4bKx", "", 1) + "\r\n", 400},
		"Via port":            {line + strings.Replace(rest, "UDP h", "UDP h:65536", 1) + "\r\n", 400},
		"Max-Forwards 256":    {line + rest + "Max-Forwards: 256\r\n\r\n", 400},
		"Max-Forwards -1":     {line + rest + "Max-Forwards: -1\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			var m Message
			err := accept(&m, []byte(c.in))
			if err == nil || err.Code != c.code || err.Reason == "" {
				t.Fatalf("%+v, want %d", err, c.code)
			}
			if c.code != 0 {
				answers(t, &m, err)
			}
		})
	}
}

// TestReasonTells wants reasons that name what is missing.
func TestReasonTells(t *testing.T) {
	lines := []string{"Via: SIP/2.0/UDP h", "From: <sip:a@b>", "To: <sip:c@d>", "Call-ID: i", "CSeq: 1 BYE"}
	for i, l := range lines[1:] {
		rest := append(append([]string{}, lines[:i+1]...), lines[i+2:]...)
		var m Message
		err := accept(&m, []byte("BYE sip:b SIP/2.0\r\n"+strings.Join(rest, "\r\n")+"\r\n\r\n"))
		name, _, _ := strings.Cut(l, ":")
		if err == nil || err.Reason != "Missing "+name+" header" {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestParseAfterFault(t *testing.T) {
	var m Message
	if m.Parse([]byte("SIP/2.0 200 OK\r\n\r\n")) != nil {
		t.Fatal("a bare response has no grammar fault")
	}
	if m.Parse([]byte("x")) == nil {
		t.Fatal("accepted")
	}
	if m.Len() != 0 || m.StatusCode() != 0 || m.Body() == nil && m.Bytes() == nil {
		t.Errorf("the index holds what was parsed before: %d lines, status %d", m.Len(), m.StatusCode())
	}
	m.Parse(sampleINVITE)
	if m.Len() != 15 || m.Check() != nil {
		t.Error("not reusable after a fault")
	}
}

func TestClone(t *testing.T) {
	b := append([]byte(nil), sampleINVITE...)
	m := parse(t, b)
	m.Source = source
	c := m.Clone()
	clear(b)
	m.Parse(sampleREGISTER)
	if !bytes.Equal(c.Bytes(), sampleINVITE) || c.Len() != 15 || c.Method() != INVITE || c.Source != source {
		t.Errorf("the clone changed: %s", c.Bytes())
	}
	text(t, "call-id", c.CallID(), "0_2387463387@192.0.2.10")
	if n := testing.AllocsPerRun(10, func() { c.Clone() }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func TestAssign(t *testing.T) {
	var c Message
	b := append([]byte(nil), sampleINVITE...)
	m := parse(t, b)
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{sampleREGISTER, sampleINVITE} { // a shorter one, then a longer one
		x := parse(t, text)
		c.Assign(x)
	}
	c.Assign(m)
	clear(b)
	m.Parse(sampleREGISTER)
	via, ok := c.TopVia()
	if !ok || !bytes.Equal(c.Bytes(), sampleINVITE) || c.Len() != 15 || !bytes.Contains(sampleINVITE, via.Branch) || len(via.Branch) == 0 {
		t.Errorf("the copy changed: %s, branch %q", c.Bytes(), via.Branch)
	}
	if n := testing.AllocsPerRun(10, func() { c.Assign(m) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestValues(t *testing.T) {
	m := parse(t, crlf(`
OPTIONS sip:b SIP/2.0
m: "a, \"b" <sip:a@b,c>;x="1,2", ,<sip:d>
 ,
 sip:e
Contact:
Contact: *
Contact: "open, <sip:f>

`))
	var got []string
	for v := range m.Values(HdrContact) {
		got = append(got, string(v))
	}
	want := []string{`"a, \"b" <sip:a@b,c>;x="1,2"`, "<sip:d>", "sip:e", "*", `"open, <sip:f>`}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	equal(t, "count", m.Count(HdrContact), 4)
	for v := range m.Values(HdrContact) {
		text(t, "first", v, want[0])
		break
	}
}

func TestSmallViews(t *testing.T) {
	m := parse(t, crlf(`
INVITE sip:b SIP/2.0
o: presence ; id = 7
Subscription-State: terminated;reason=timeout
Reason: Q.850 ;cause=16 ;text="Normal; clearing"
RAck: 776656 1 INVITE
Replaces: 98732@x;from-tag=r33th4x0r;to-tag="ff87ff";early-only
Target-Dialog: a@b;local-tag=1;remote-tag=2
Join: a@b;to-tag=1
x: 4000;Refresher=UAS
Expires: 4294967296
Min-SE:

`))
	pkg, id := m.Event()
	text(t, "event", pkg, "presence")
	text(t, "id", id, "7")
	s, ok := m.Parted(HdrSubscriptionState)
	equal(t, "state", ok, true)
	text(t, "state", s.Value, "terminated")
	v, _ := s.Param("Reason")
	text(t, "reason", v, "timeout")
	r, _ := m.Parted(HdrReason)
	text(t, "reason", r.Value, "Q.850")
	v, _ = r.Param("text")
	text(t, "text", v, "Normal; clearing")
	v, _ = r.Param("cause")
	text(t, "cause", v, "16")
	rseq, cseq, method, ok := m.RAck()
	if rseq != 776656 || cseq != 1 || string(method) != "INVITE" || !ok {
		t.Error("RAck", rseq, cseq, string(method), ok)
	}
	d, ok := m.DialogOf(HdrReplaces)
	if !ok || !d.EarlyOnly || string(d.CallID) != "98732@x" || string(d.FromTag) != "r33th4x0r" || string(d.ToTag) != "ff87ff" {
		t.Errorf("Replaces %+v %v", d, ok)
	}
	d, ok = m.DialogOf(HdrTargetDialog)
	if !ok || string(d.FromTag) != "1" || string(d.ToTag) != "2" {
		t.Errorf("Target-Dialog %+v %v", d, ok)
	}
	_, ok = m.DialogOf(HdrJoin)
	equal(t, "join", ok, false)
	n, refresher, _ := m.SessionExpires()
	equal(t, "session", n, 4000)
	text(t, "refresher", refresher, "UAS")
	_, ok = m.Expires()
	equal(t, "expires over", ok, false)
	if v := m.Get(HdrMinSE); v == nil || len(v) != 0 {
		t.Error("a present empty value is not nil")
	}
	_, ok = m.Parted(HdrWarning)
	equal(t, "absent", ok, false)
}

func TestParseUint(t *testing.T) {
	for s, want := range map[string]uint64{"0": 0, "000": 0, "0009": 9, "4294967295": 1<<32 - 1} {
		n, ok := ParseUint([]byte(s), 1<<32-1)
		if !ok || n != want {
			t.Error(s, n, ok)
		}
	}
	for _, s := range []string{"", "-1", "+1", "1 ", "a", "4294967296", "36893488147419103232", "18446744073709551617"} {
		if n, ok := ParseUint([]byte(s), 1<<32-1); ok {
			t.Error(s, n)
		}
	}
	if n, ok := ParseUint([]byte("18446744073709551615"), 1<<64-1); !ok || n != 1<<64-1 {
		t.Error(n, ok)
	}
	if _, ok := ParseUint([]byte("18446744073709551616"), 1<<64-1); ok {
		t.Error("overflow")
	}
}

func TestMethods(t *testing.T) {
	for m := INVITE; int(m) < len(methodNames); m++ {
		equal(t, m.String(), MethodOf([]byte(m.String())), m)
	}
	equal(t, "invite", MethodOf([]byte("invite")), MethodOther)
	equal(t, "none", Method(200).String(), "")
	equal(t, "200", ReasonPhrase(200), "OK")
	equal(t, "299", ReasonPhrase(299), "")
}
