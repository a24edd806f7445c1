package test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/server"
	"tandem/rtc/sip"
)

var zeroAddr netip.AddrPort

// enroll sends a REGISTER as a device words it, answers the challenge with what
// credential makes of it, and returns the 200. The text has LF line ends and a
// line "CSeq: 101 REGISTER".
func enroll(t *testing.T, w *wire, text string, credential func(challenge *sip.Message) string) *sip.Message {
	t.Helper()
	w.send(text)
	m, err := w.next(patience, func(m *sip.Message) bool { return m.StatusCode() >= 200 })
	if err != nil || m.StatusCode() != 401 {
		t.Fatalf("first answer %v, want 401\n%s", err, bytesOf(m))
	}
	second := strings.Replace(text, "CSeq: 101", "CSeq: 102", 1)
	second = strings.TrimSuffix(second, "\n") + "\n" + credential(m) + "\n"
	w.send(second)
	m, err = w.next(patience, func(m *sip.Message) bool { return m.StatusCode() >= 200 })
	if err != nil || m.StatusCode() != 200 {
		t.Fatalf("second answer %v, want 200\n%s", err, bytesOf(m))
	}
	w.send(second) // the phone has not heard it
	again, err := w.next(patience, func(m *sip.Message) bool { return m.StatusCode() >= 200 })
	if err != nil || again.StatusCode() != 200 {
		t.Fatalf("answer to the repeated request %v, want 200\n%s", err, bytesOf(again))
	}
	if date := string(m.Get(sip.HdrDate)); !strings.HasSuffix(date, " GMT") {
		t.Errorf("Date %q: phones set their clock by it", date)
	} else if at, err := time.Parse(time.RFC1123, date); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("Date %q: %v", date, err)
	}
	return m
}

func bytesOf(m *sip.Message) string {
	if m == nil {
		return ""
	}
	return string(m.Bytes())
}

// enrollment is a REGISTER as a device words it.
type enrollment struct {
	name, text string // AT is the phone's address, SERVER the server's
	words      string // which credentials it can make: "no qop", "folded", ""
	contact    string // in the 200, before its expires
	called     string // Request-URI of a call
}

func (c *enrollment) credential(t *testing.T) func(*sip.Message) string {
	return func(m *sip.Message) string {
		qop := "auth"
		if c.words == "no qop" {
			qop = ""
		}
		line, err := credentials(m, "100", password, "REGISTER", "sip:"+domain, qop)
		if err != nil {
			t.Fatal(err)
		}
		if c.words == "folded" {
			line = strings.Replace(line, ",nonce", ",\n  nonce", 1)
		}
		return line
	}
}

func enrollments() []enrollment {
	return []enrollment{
		{"ph-7960-reg-2002", `REGISTER sip:example.test SIP/2.0
To: sip:100@example.test
From: <sip:100@example.test>
Call-ID: 000532ff-828108c2-79016ad7-69ac4815@127.0.0.1
CSeq: 101 REGISTER
Contact: sip:100@AT
Via: SIP/2.0/UDP AT
Expires: 3600
User-Agent: CSCO/4
Content-Length: 0
`, "no qop", "sip:100@AT", "sip:100@AT"},
		{"ph-7960-reg-2006 with user=phone", `REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/UDP AT;branch=z9hG4bK0a1b2c3d
From: <sip:100@example.test;user=phone>
To: <sip:100@example.test;user=phone>
Call-ID: 0012-3456@127.0.0.1
CSeq: 101 REGISTER
User-Agent: CSCO/7
Contact: <sip:100@AT;user=phone>
Content-Length: 0
Expires: 3600
`, "no qop", "<sip:100@AT;user=phone>", "sip:100@AT;user=phone"},
		{"address of the server instead of the domain", `REGISTER sip:SERVER SIP/2.0
v: SIP/2.0/UDP AT
t: <sip:100@127.0.0.1>
f: <sip:100@127.0.0.1>
i: 3com-1
CSeq: 101 REGISTER
m: <sip:100@AT>;dt=544
X-3Com-PhoneInfo: firstRegistration=yes; primaryCallP=127.0.0.1; secondaryCallP=0.0.0.0;
User-Agent: 3Com-SIP-Phone/V7.1.53.53
l: 0
`, "", "<sip:100@AT>;dt=544", "sip:100@AT"},
		{"ph-poly-reg-methods", `REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/UDP AT;branch=z9hG4bK3
From: "A" <sip:100@example.test>;tag=1
To: <sip:100@example.test>
Call-ID: poly@127.0.0.1
CSeq: 101 REGISTER
Contact: <sip:100@AT>;methods="INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER"
User-Agent: PolycomVVX-VVX_450-UA/5.9
Max-Forwards: 70
Expires: 120
Content-Length: 0
`, "", `<sip:100@AT>;methods="INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER"`, "sip:100@AT"},
		{"ph-snom-register, folded credentials", `REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/UDP AT;branch=z9hG4bK-abc;rport
From: <sip:100@example.test>;tag=xyz
To: <sip:100@example.test>
Call-ID: 3c26700c1adb-snom
CSeq: 101 REGISTER
Max-Forwards: 70
Contact: <sip:AT;line=almbmxia>;q=1.0
WWW-Contact: <http://127.0.0.1:80>
WWW-Contact: <https://127.0.0.1:443>
X-Real-IP: 127.0.0.1
P-NAT-Refresh: 15
Supported: gruu
Expires: 86400
Content-Length: 0
`, "folded", "<sip:AT;line=almbmxia>;q=1.0", "sip:AT;line=almbmxia"},
		{"ph-7960-reg-v8, quoted parameters", `REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/UDP  AT;branch=z9hG4bK2
From: <sip:100@example.test>;tag=0012d93b9a4e00020f1c
To: <sip:100@example.test>
Call-ID: 0012d93b-9a4e@127.0.0.1
Max-Forwards: 70
CSeq: 101	REGISTER
User-Agent: Cisco-CP7960G/8.0
Contact: <sip:100@AT;user=phone;transport=udp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-0012d93b9a4e>";+u.sip!model.ccm.cisco.com="7"
Content-Length: 0
Expires: 3600
`, "", `<sip:100@AT;user=phone;transport=udp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-0012d93b9a4e>";+u.sip!model.ccm.cisco.com="7"`, "sip:100@AT;user=phone;transport=udp"},
	}
}

func TestToleratesRegister(t *testing.T) {
	for _, c := range enrollments() {
		t.Run(c.name, func(t *testing.T) {
			r := startServer(t, nil)
			r.user("100")
			w := r.dial(t, "udp")
			fill := strings.NewReplacer("AT", w.local.String(), "SERVER", r.addr["udp"].String()).Replace
			text := strings.ReplaceAll(fill(c.text), "C"+w.local.String(), "CAT") // no word of ours has AT in it
			m := enroll(t, w, text, c.credential(t))
			if m.Count(sip.HdrContact) != 1 || !strings.HasPrefix(string(m.Get(sip.HdrContact)), fill(c.contact)+";expires=") {
				t.Errorf("Contact in the 200: %q\nwant            %q", m.Get(sip.HdrContact), fill(c.contact))
			}
			gw := r.dial(t, "trusted")
			gw.send(fmt.Sprintf("MESSAGE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:100@%s>\nCall-ID: called\nCSeq: 1 MESSAGE\nContent-Length: 0\n", domain, gw.via(), domain))
			got := w.request("MESSAGE")
			if string(got.RequestURI()) != fill(c.called) {
				t.Errorf("called as %s, want %s", got.RequestURI(), fill(c.called))
			}
			w.reply(got, 200, "x", "", "")
			if m := gw.final("called", "MESSAGE"); m.StatusCode() != 200 {
				t.Errorf("%s", m.Bytes())
			}
		})
	}
}

// Credentials as devices write them.
func TestToleratesCredentials(t *testing.T) {
	r := startServer(t, func(cfg *server.Config) { cfg.Registrar.MaxBindings = 30 })
	r.user("100")
	make := func(user, uri, qop string) func(*sip.Message) string {
		return func(m *sip.Message) string {
			line, err := credentials(m, user, password, "REGISTER", uri, qop)
			if err != nil {
				t.Fatal(err)
			}
			return line
		}
	}
	edit := func(old, new string) func(*sip.Message) string {
		return func(m *sip.Message) string {
			return strings.Replace(make("100", "sip:"+domain, "auth")(m), old, new, 1)
		}
	}
	for name, credential := range map[string]func(*sip.Message) string{
		"without qop":                        make("100", "sip:"+domain, ""),
		"digest-uri is the registrar's":      make("100", "sip:"+r.addr["udp"].String(), "auth"),
		"digest-uri is the server's address": make("100", "sip:127.0.0.1", ""),
		"algorithm in lower case":            edit("algorithm=MD5", "algorithm=md5"),
		"algorithm quoted":                   edit("algorithm=MD5", `algorithm="MD5"`),
		"qop quoted":                         edit("qop=auth", `qop="auth"`),
		"scheme in capitals":                 edit("Digest ", "DIGEST "),
		"scheme in small letters":            edit("Digest ", "digest  "),
		"blanks after the commas":            edit(",nonce", ", nonce"),
		"parameters in capitals":             edit("username=", "USERNAME="),
		"an opaque nobody gave":              edit(",uri=", `,opaque="",uri=`),
		"name with the domain":               make("100@"+domain, "sip:"+domain, "auth"),
	} {
		t.Run(name, func(t *testing.T) {
			w := r.dial(t, "udp")
			enroll(t, w, fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nFrom: <sip:100@%s>;tag=1\nTo: <sip:100@%s>\nCall-ID: %s\nCSeq: 101 REGISTER\nContact: <sip:100@%s>\nExpires: 3600\nContent-Length: 0\n",
				domain, w.via(), domain, domain, unique(), w.local), credential)
		})
	}
}

// sipgo-contact-last, gw-3com-v7: several Contacts in one REGISTER are all
// bound, twice the same one once, and the 200 lists each with its expires.
func TestToleratesSeveralContacts(t *testing.T) {
	r := startServer(t, nil)
	r.user("100")
	w := r.dial(t, "udp")
	m := w.register("100", "Contact: <sip:100@127.0.0.1:6001>;expires=600, <sip:100@127.0.0.1:6002>;q=0.2", `m: "x, y" <sip:100@127.0.0.1:6003>;expires=700`, "Contact: <sip:100@127.0.0.1:6001>;expires=601")
	var n int
	for v := range m.Values(sip.HdrContact) {
		n++
		if !strings.Contains(string(v), ";expires=") {
			t.Errorf("Contact %s has no expires", v)
		}
	}
	if n != 3 {
		t.Errorf("%d contacts:\n%s", n, m.Bytes())
	}
}

// ph-cucm-keepalive: expires=0 with cisco-keep-alive removes nothing.
func TestToleratesCiscoKeepAlive(t *testing.T) {
	r := startServer(t, nil)
	r.user("100")
	w := r.dial(t, "udp")
	w.register("100")
	m := w.register("100", "Contact: "+w.contact("100")+";expires=0;cisco-keep-alive")
	if m.Count(sip.HdrContact) != 1 {
		t.Errorf("the binding is gone:\n%s", m.Bytes())
	}
	if m := w.register("100", "Contact: "+w.contact("100")+";expires=0"); m.Count(sip.HdrContact) != 0 {
		t.Errorf("the binding is still there:\n%s", m.Bytes())
	}
}

// ph-fanvil-register: a short wish is told the shortest time instead of being
// refused without a word.
func TestTellsShortestExpires(t *testing.T) {
	r := startServer(t, nil)
	r.user("100")
	m := r.dial(t, "udp").tryRegister("100", "Expires: 30")
	if m.StatusCode() != 423 || string(m.GetName("Min-Expires")) != "60" {
		t.Errorf("\n%s", m.Bytes())
	}
}

// A registration that is not refreshed ends, and the phone is called no more.
func TestRegistrationExpires(t *testing.T) {
	r := startServer(t, func(cfg *server.Config) { cfg.Registrar.MinExpires = time.Second })
	r.user("100")
	w, gw := r.dial(t, "udp"), r.dial(t, "trusted")
	w.register("100", "Expires: 1")
	ask := func(id string) *sip.Message {
		gw.send(fmt.Sprintf("MESSAGE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:100@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Length: 0\n", domain, gw.via(), domain, id))
		if id == "before" {
			w.reply(w.request("MESSAGE"), 200, "x", "", "")
		}
		return gw.final(id, "MESSAGE")
	}
	if m := ask("before"); m.StatusCode() != 200 {
		t.Errorf("at once: %d", m.StatusCode())
	}
	time.Sleep(1500 * time.Millisecond) // no clock of ours reaches real sockets
	if m := ask("after"); m.StatusCode() != 480 {
		t.Errorf("when it has ended: %d", m.StatusCode())
	}
}
