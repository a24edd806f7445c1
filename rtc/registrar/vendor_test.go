package registrar

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/sip/torture"
)

// REGISTERs as phones send them, with what the server must make of them. Each
// is served twice, so that the second one is a refresh or a retransmission.
func TestPhones(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		aor  rtc.AOR
		want string // the Contact listed, N for the seconds; "" for none
	}{
		{"ph-7960-reg-2002", `REGISTER sip:example.com SIP/2.0
To: sip:100@example.com
From: <sip:100@example.com>
Call-ID: 000532ff-828108c2-79016ad7-69ac4815@127.0.0.1
CSeq: 102 REGISTER
Contact: sip:100@127.0.0.1:5060
Via: SIP/2.0/UDP 127.0.0.1:5060
Expires: 3600
User-Agent: CSCO/4
Content-Length: 0
`, "sip:100@example.com", "sip:100@127.0.0.1:5060;expires=N"},
		{"ph-7960-reg-2006", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK0a1b2c3d
From: <sip:100@example.com;user=phone>
To: <sip:100@example.com;user=phone>
Call-ID: 0012-3456@127.0.0.1
CSeq: 101 REGISTER
User-Agent: CSCO/7
Contact: <sip:100@127.0.0.1:5060;user=phone>
Content-Length: 0
Expires: 3600
`, "sip:100@example.com", "<sip:100@127.0.0.1:5060;user=phone>;expires=N"},
		{"ph-7960-reg-bare", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1
From: sip:100@example.com
To: sip:100@example.com
Call-ID: 3@127.0.0.1
CSeq: 1 REGISTER
Contact: <sip:100@127.0.0.1:5060>
Expires: 3600
`, "sip:100@example.com", "<sip:100@127.0.0.1:5060>;expires=N"},
		{"ph-7960-reg-v8", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK2
From: <sip:100@example.com>;tag=0012d93b9a4e00020f1c
To: <sip:100@example.com>
Call-ID: 0012d93b-9a4e@127.0.0.1
Max-Forwards: 70
CSeq: 101 REGISTER
User-Agent: Cisco-CP7960G/8.0
Contact: <sip:100@127.0.0.1:5061;user=phone;transport=udp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-0012d93b9a4e>";+u.sip!model.ccm.cisco.com="7"
Content-Length: 0
Expires: 3600
`, "sip:100@example.com", `<sip:100@127.0.0.1:5061;user=phone;transport=udp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-0012d93b9a4e>";+u.sip!model.ccm.cisco.com="7";expires=N`},
		{"ph-cucm-keepalive", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK2
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: keep@127.0.0.1
CSeq: 101 REGISTER
Contact: <sip:old@127.0.0.1:5061>;expires=0;cisco-keep-alive
`, "sip:100@example.com", "<sip:old@127.0.0.1:5061>;expires=N"},
		{"ph-poly-reg-methods", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK3
From: "A" <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: poly@127.0.0.1
CSeq: 1 REGISTER
Contact: <sip:100@127.0.0.1>;methods="INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER"
User-Agent: PolycomVVX-VVX_450-UA/5.9
Expires: 120
`, "sip:100@example.com", `<sip:100@127.0.0.1>;methods="INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER";expires=N`},
		{"ph-snom-register", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/TCP 127.0.0.1:2050;branch=z9hG4bK-abc;rport
From: <sip:100@example.com>;tag=xyz
To: <sip:100@example.com>
Call-ID: 3c26700c1adb-snom
CSeq: 2 REGISTER
Max-Forwards: 70
Contact: <sip:127.0.0.1:2050;transport=tcp;line=almbmxia>;q=1.0
WWW-Contact: <http://127.0.0.1:80>
WWW-Contact: <https://127.0.0.1:443>
X-Real-IP: 127.0.0.1
P-NAT-Refresh: 15
Authorization: Digest username="100",realm="example.com",
  nonce="abc",response="0"
Supported: gruu
Expires: 86400
`, "sip:100@example.com", "<sip:127.0.0.1:2050;transport=tcp;line=almbmxia>;q=1.0;expires=N"},
		{"ph-fanvil-register", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK123456789;rport
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: 77@127.0.0.1
CSeq: 1 REGISTER
Contact: <sip:100@127.0.0.1:5060>
Mac: 0c:38:3e:63:96:3b
Expires: 90
Supported: path
User-Agent: Fanvil X303 2.12.18.9 0c383e63963b
`, "sip:100@example.com", "<sip:100@127.0.0.1:5060>;expires=N"},
		{"ph-3com compact, no branch, no From tag, our address", `REGISTER sip:192.0.2.10 SIP/2.0
v: SIP/2.0/UDP 127.0.0.1:5060
t: <sip:100@192.0.2.10>
f: <sip:100@192.0.2.10>
i: 3com-1
CSeq: 1 REGISTER
m: <sip:100@127.0.0.1>;dt=544
X-3Com-PhoneInfo: firstRegistration=yes; primaryCallP=192.0.2.10; secondaryCallP=0.0.0.0;
User-Agent: 3Com-SIP-Phone/V7.1.53.53
l: 0
`, "sip:100@example.com", "<sip:100@127.0.0.1>;dt=544;expires=N"},
		{"several contacts for one address in one message", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK123456789;rport
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: 78@127.0.0.1
CSeq: 1 REGISTER
Contact: <sip:100@127.0.0.1:5060>;x=1, <sip:100@127.0.0.1:5060>;x=2
Contact: <sip:100@127.0.0.1:5060>;expires=3600;x=3
`, "sip:100@example.com", "<sip:100@127.0.0.1:5060>;expires=N;x=3"},
		{"expires in any case and with blanks", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK123456789;rport
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: 79@127.0.0.1
CSeq: 1 REGISTER
Contact: "Q;expires=1" <sip:100@127.0.0.1;expires=2> ; a="x;expires=3\";" ; EXPIRES = 3600 ;b
`, "sip:100@example.com", `"Q;expires=1" <sip:100@127.0.0.1;expires=2> ; a="x;expires=3\";" ;expires=N;b`},
		{"folded contact", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK123456789;rport
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: 80@127.0.0.1
CSeq: 1 REGISTER
Contact: <sip:100@127.0.0.1>
 ;x=1;
  +sip.instance="<urn:uuid:1>"
`, "sip:100@example.com", `<sip:100@127.0.0.1> ;x=1;  +sip.instance="<urn:uuid:1>";expires=N`},
		{"contact that can be reached nowhere", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1
From: <sip:100@example.com>;tag=1
To: <sip:100@example.com>
Call-ID: 81@127.0.0.1
CSeq: 1 REGISTER
Contact: sip:0.0.0.0
`, "sip:100@example.com", "sip:0.0.0.0;expires=N"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			if strings.Contains(c.text, "cisco-keep-alive") {
				r.register("To: <sip:100@example.com>", "Contact: <sip:old@127.0.0.1:5061>")
			}
			text := strings.ReplaceAll(c.text, "\n", "\r\n") + "\r\n"
			again := strings.Replace(text, "Call-ID: ", "Call-ID: again", 1)
			for _, text := range []string{text, text, again} {
				a := r.want(r.raw(text), 200)
				if len(a.Contact) != 1 {
					t.Fatalf("contacts %q", a.Contact)
				}
				n, err := sip.ParseNameAddr([]byte(a.Contact[0]))
				if err != nil {
					t.Fatal(err)
				}
				seconds, _ := n.Param("expires")
				got := strings.Replace(a.Contact[0], "expires="+string(seconds), "expires=N", 1)
				if at := strings.Index(got, ";pub-gruu="); at >= 0 {
					got = got[:at]
				}
				if s, ok := sip.ParseUint(seconds, 3600); !ok || s == 0 || got != c.want {
					t.Errorf("got  %s\nwant %s", a.Contact[0], c.want)
				}
				if list := r.loc.Bindings(c.aor); len(list) != 1 {
					t.Errorf("%d bindings", len(list))
				}
			}
		})
	}
}

// The REGISTERs among the torture messages.
func TestTorture(t *testing.T) {
	for _, c := range []struct {
		file    string
		code    int
		contact string // begins with
		uri     string // of the binding
	}{
		{"regbadct", 400, "", ""},
		{"unksm2", 400, "", ""},
		{"regescrt", 200, "<sip:ada@example.com?Route=%3Csip:edge.example.com%3E>;expires=", "sip:ada@example.com?Route=%3Csip:edge.example.com%3E"},
		{"cparam01", 200, "sip:+493012345@gw.example.net;unknownparam;expires=", "sip:+493012345@gw.example.net"},
		{"cparam02", 200, "<sip:+493012345@gw.example.net;unknownparam>;expires=", "sip:+493012345@gw.example.net;unknownparam"},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := newRig(t, nil)
			a := r.want(r.raw(string(torture.Message(c.file))), c.code)
			if c.code != 200 {
				return
			}
			if len(a.Contact) != 1 || !strings.HasPrefix(a.Contact[0], c.contact) {
				t.Errorf("contacts %q", a.Contact)
			}
			for _, list := range r.loc.All() {
				if list[0].URI != c.uri {
					t.Errorf("bound %q", list[0].URI)
				}
			}
		})
	}
	t.Run("escnull", func(t *testing.T) { // two contacts kept apart
		r := newRig(t, nil)
		if a := r.want(r.raw(string(torture.Message("escnull"))), 200); len(a.Contact) != 2 || r.loc.Count() != 2 {
			t.Errorf("contacts %q", a.Contact)
		}
	})
}

// Where the expires parameter is found agrees with the parser of messages.
func FuzzExpiresParam(f *testing.F) {
	for _, s := range []string{"<sip:a@b>;expires=1", "sip:a@b;expires", `"x;<" <sip:a;b@c>;q="\";expires=2";Expires = 3 ;c`, "<sip:a@b>;;expires=;x", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = string(unfold([]byte(strings.Trim(s, " \t\r\n")))) // as a Contact is kept
		a, err := sip.ParseNameAddr([]byte(s))
		if err != nil || a.Star {
			return
		}
		from, to := expiresParam(s)
		if from > to || to > len(s) {
			t.Fatalf("%q: %d %d", s, from, to)
		}
		out := s[:from]
		if from == to {
			out += ";"
		}
		out += "expires=77" + s[to:]
		b, err := sip.ParseNameAddr([]byte(out))
		if err != nil {
			t.Fatalf("%q became %q: %v", s, out, err)
		}
		if string(a.URI) != string(b.URI) {
			t.Fatalf("%q became %q: another URI", s, out)
		}
		if v, _ := b.Param("expires"); string(v) != "77" {
			t.Fatalf("%q became %q: expires %q", s, out, v)
		}
	})
}
