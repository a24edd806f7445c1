package sip

import "testing"

func uri(t testing.TB, s string) URI {
	t.Helper()
	u, err := ParseURI([]byte(s))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return u
}

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		in                   string
		kind                 URIKind
		user, password, host string
		port                 uint16
		params, headers, aor string
	}{
		{"sip:alice@atlanta.com", URISIP, "alice", "", "atlanta.com", 0, "", "", "sip:alice@atlanta.com"},
		{"sip:alice:secretword@Atlanta.com:5070;transport=tcp", URISIP, "alice", "secretword", "Atlanta.com", 5070, ";transport=tcp", "", "sip:alice@atlanta.com:5070"},
		{"SIPS:alice@atlanta.com?subject=project%20x&priority=urgent", URISIPS, "alice", "", "atlanta.com", 0, "", "subject=project%20x&priority=urgent", "sip:alice@atlanta.com"},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", URISIP, "+1-212-555-1212", "1234", "gateway.com", 0, ";user=phone", "", "sip:+1-212-555-1212@gateway.com"},
		{"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", URISIP, "", "", "atlanta.com", 0, ";method=REGISTER", "to=alice%40atlanta.com", "sip:atlanta.com"},
		{"sip:alice;day=tuesday@atlanta.com", URISIP, "alice;day=tuesday", "", "atlanta.com", 0, "", "", "sip:alice;day=tuesday@atlanta.com"},
		{"sip:%61lice%2f%5f@h:5060", URISIP, "%61lice%2f%5f", "", "h", 5060, "", "", "sip:alice%2F_@h"},
		{"sips:a@h:5061", URISIPS, "a", "", "h", 5061, "", "", "sip:a@h"},
		{"sips:a@h:5060", URISIPS, "a", "", "h", 5060, "", "", "sip:a@h:5060"},
		{"sip:a@h:0", URISIP, "a", "", "h", 0, "", "", "sip:a@h"},
		{"sip:[2001:DB8::1]:5070;lr", URISIP, "", "", "[2001:DB8::1]", 5070, ";lr", "", "sip:[2001:db8::1]:5070"},
		{"sip:a@[2001:db8:::192.0.2.1]", URISIP, "a", "", "[2001:db8:::192.0.2.1]", 0, "", "", "sip:a@[2001:db8::192.0.2.1]"},
		{"sip:a?b@h", URISIP, "a?b", "", "h", 0, "", "", "sip:a?b@h"},
		{"sip:a@my_host.", URISIP, "a", "", "my_host.", 0, "", "", "sip:a@my_host."},
		{"tel:+1-201-555-0123", URITel, "+1-201-555-0123", "", "", 0, "", "", "tel:+12015550123"},
		{"tel:7042;phone-context=Example.com;x=y", URITel, "7042", "", "", 0, ";phone-context=Example.com;x=y", "", "tel:7042;phone-context=example.com"},
		{"tel:*21#", URITel, "*21#", "", "", 0, "", "", "tel:*21#"},
	} {
		u := uri(t, c.in)
		equal(t, c.in+" kind", u.Kind, c.kind)
		text(t, c.in+" user", u.User, c.user)
		text(t, c.in+" password", u.Password, c.password)
		text(t, c.in+" host", u.Host, c.host)
		equal(t, c.in+" port", u.Port, c.port)
		text(t, c.in+" params", u.Params, c.params)
		text(t, c.in+" headers", u.Headers, c.headers)
		text(t, c.in+" aor", u.AppendAOR(nil), c.aor)
	}
	u := uri(t, "urn:service:sos")
	equal(t, "kind", u.Kind, URIOther)
	text(t, "scheme", u.Scheme, "urn")
	text(t, "opaque", u.Opaque, "service:sos")
	text(t, "aor", u.AppendAOR(nil), "urn:service:sos")
	v, ok := uri(t, "sip:h;Transport=TCP;lr").Param("transport")
	equal(t, "transport", ok, true)
	text(t, "transport", v, "TCP")
	v, ok = uri(t, "sip:h;lr").Param("lr")
	equal(t, "lr", ok && v == nil, true)
	if uri(t, "sip:h").User != nil || uri(t, "sip:@h").User == nil || uri(t, "sip:a@h").Password != nil {
		t.Error("absent is nil, empty is not")
	}
}

func TestRefusesURI(t *testing.T) {
	for _, s := range []string{
		"", "sip", "sip:", ":a", "alice@h", "sip:a@", "sip:a@h:", "sip:a@h:65536", "sip:a@h:x", "sip:a@h:-1", "sip:a b@h",
		"sip:a@h h", "sip:a@h;x y", "sip:a%zz@h", "sip:a%4@h", "sip:a<b@h", "sip:a@h>", "sip:a@h;\"x\"", "sip:a@b@c",
		"sip:2001:db8::10", "sip:[2001:db8::10", "sip:[x::1]", "sip:[1:2]", "sip:[]", "sip:a@h\r\n;x", "sip:a\x00@h",
		"sip:a@h,b", "sip:a@h/x", "tel:", "tel:;x", "tel:+", "tel:12x", "tel:1+2", "tel:1;a b", "urn:", "urn:a b", "1 2:x", " sip:h", "sip:h ",
	} {
		if u, err := ParseURI([]byte(s)); err == nil || err.Code != 400 || err.Reason == "" {
			t.Errorf("%q accepted: %+v %v", s, u, err)
		}
	}
}

// TestEqualURI has the examples of RFC 3261 §19.1.4 and of RFC 3966.
func TestEqualURI(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},

		{"sip:a@h", "sips:a@h", false},
		{"sip:h", "sip:@h", false},
		{"sip:a@h", "sip:a:p@h", false},
		{"sip:a:p@h", "sip:a:P@h", false},
		{"sip:a@h;lr", "sip:a@h;lr=on", false},
		{"sip:a@h;maddr=1.2.3.4", "sip:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h;ttl=1", true},
		{"sip:a@h;user=phone", "sip:a@h", false},
		{"sip:a%3bb@h", "sip:a;b@h", false},
		{"sip:a%3bb@h", "sip:a%3Bb@h", true},
		{"sip:a%00@h", "sip:a%00%00@h", false},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false},
		{"sip:a@h;%6Cr", "sip:a@h;LR", true},

		{"tel:+1-201-555-0123", "tel:+12015550123", true},
		{"tel:+1-201-555-0123", "tel:+1(201)555.0123", true},
		{"tel:+12015550123", "tel:12015550123", false},
		{"tel:7042;phone-context=example.com", "tel:7042;phone-context=EXAMPLE.com", true},
		{"tel:7042;phone-context=example.com", "tel:7042", false},
		{"tel:7042;phone-context=+1-201", "tel:7042;phone-context=+1201", true},
		{"tel:1;ext=1-2;isub=3", "tel:1;isub=3;ext=12", true},
		{"tel:1;a=b", "tel:1", false},
		{"tel:1", "sip:1", false},
		{"urn:service:sos", "URN:service:sos", true},
		{"urn:service:sos", "urn:service:SOS", false},
	} {
		a, b := uri(t, c.a), uri(t, c.b)
		if EqualURI(a, b) != c.equal || EqualURI(b, a) != c.equal {
			t.Errorf("%s and %s: equal must be %v", c.a, c.b, c.equal)
		}
		if !EqualURI(a, a) || !EqualURI(b, b) {
			t.Errorf("%s, %s: not equal to itself", c.a, c.b)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{"": "", "a%41b": "aAb", "%2541": "%41", "%": "%", "%4": "%4", "%zz": "%zz", "%00": "\x00"} {
		text(t, in, AppendUnescaped(nil, []byte(in)), want)
	}
}

func TestRequestForm(t *testing.T) {
	for in, want := range map[string]string{
		"sip:a@b":                          "sip:a@b",
		"sip:a@b;x=1;lr":                   "sip:a@b;x=1;lr",
		"sip:a@b;x=1;Method=BYE;lr?Subj=a": "sip:a@b;x=1;lr",
		"sip:a@b;method=BYE":               "sip:a@b",
		"sip:a@b?x=1&y=2":                  "sip:a@b",
		"sip:a?b@c:5080;x?d=e?f":           "sip:a?b@c:5080;x",
		"tel:+49301;ext=1":                 "tel:+49301;ext=1",
	} {
		text := []byte(in)
		u, err := ParseURI(text)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got := string(u.RequestForm(text)); got != want || string(text) != in {
			t.Errorf("%s: %s, want %s (left %s)", in, got, want, text)
		}
	}
}
