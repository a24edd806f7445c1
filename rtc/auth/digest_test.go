package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"testing"

	"tandem/rtc/digest"
	"tandem/rtc/directory"
)

func secretFor(user, realm, password string) *directory.Secret {
	a1 := []byte(user + ":" + realm + ":" + password)
	return &directory.Secret{MD5: md5.Sum(a1), SHA256: sha256.Sum256(a1), SHA512256: sha512.Sum512_256(a1)}
}

// TestPublishedVectors are the examples of RFC 2617 §3.5, RFC 7616 §3.9.1 and,
// as corrected by its erratum 4897, §3.9.2.
func TestPublishedVectors(t *testing.T) {
	rfc2617 := answer{
		nonce: []byte("dcd98b7102dd2f0e8b11d0f600bfb0c093"), uri: []byte("/dir/index.html"), nc: []byte("00000001"),
		cnonce: []byte("0a4f113b"), qop: qopAuth, qopText: []byte("auth"), algorithm: MD5,
		response: []byte("6629fae49393a05397450978507c4ef1"),
	}
	rfc7616 := answer{
		nonce: []byte("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"), uri: []byte("/dir/index.html"), nc: []byte("00000001"),
		cnonce: []byte("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), qop: qopAuth, qopText: []byte("auth"), algorithm: MD5,
		response: []byte("8ca523f5e9506fed4657c9700eebdbec"),
	}
	rfc7616sha := rfc7616
	rfc7616sha.algorithm, rfc7616sha.response = SHA256, []byte("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")
	rfc7616sha512 := answer{
		nonce: []byte("5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"), uri: []byte("/doe.json"), nc: []byte("00000001"),
		cnonce: []byte("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"), qop: qopAuth, qopText: []byte("auth"), algorithm: SHA512256,
		response: []byte("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"),
	}
	cases := []struct {
		name   string
		a      answer
		secret *directory.Secret
	}{
		{"RFC 2617", rfc2617, secretFor("Mufasa", "testrealm@host.com", "Circle Of Life")},
		{"RFC 7616 MD5", rfc7616, secretFor("Mufasa", "http-auth@example.org", "Circle of Life")},
		{"RFC 7616 SHA-256", rfc7616sha, secretFor("Mufasa", "http-auth@example.org", "Circle of Life")},
		{"RFC 7616 SHA-512-256", rfc7616sha512, secretFor("Jäsøn Doe", "api@example.org", "Secret, or not?")},
	}
	for _, c := range cases {
		ha1, _ := c.a.secretOf(c.secret, directory.Plain)
		text := c.a.prepare(nil, []byte("GET"), nil, new(digest.A2))
		if !c.a.matches(text, ha1) {
			t.Errorf("%s: response does not match", c.name)
		}
		if !c.a.matches(text, ha1) {
			t.Errorf("%s: does not match a second time", c.name)
		}
		wrong := directory.Secret{MD5: c.secret.MD5, SHA256: c.secret.SHA256, SHA512256: c.secret.SHA512256}
		wrong.MD5[0]++
		wrong.SHA256[0]++
		wrong.SHA512256[0]++
		if ha1, _ := c.a.secretOf(&wrong, directory.Plain); c.a.matches(text, ha1) {
			t.Errorf("%s: matches another password", c.name)
		}
		if c.a.matches(c.a.prepare(nil, []byte("POST"), nil, new(digest.A2)), ha1) {
			t.Errorf("%s: matches another method", c.name)
		}
	}
}

func TestLongSpellingsAreMD5Only(t *testing.T) {
	s := secretFor("100", "example.com", "secret")
	s.MD5Long[directory.WithScheme-1][0] = 1
	for a := MD5; a <= SHA512256; a++ {
		if _, ok := (&answer{algorithm: a}).secretOf(s, directory.WithScheme); ok != (a == MD5) {
			t.Errorf("%v: %v", a, ok)
		}
	}
}

func TestParseCredentialsQuirks(t *testing.T) {
	const rest = `username="alice",realm="example.com",nonce="n",uri="sip:example.com",response="r"`
	cases := []struct {
		name, value string
		digest      bool
		reason      string
		check       func(a answer) bool
	}{
		{"plain", `Digest ` + rest + `,algorithm=MD5`, true, "", func(a answer) bool { return string(a.username) == "alice" && a.algorithm == MD5 }},
		{"scheme word in capitals", `DIGEST ` + rest, true, "", nil},
		{"scheme word in lower case", `digest ` + rest, true, "", nil},
		{"no algorithm is MD5", `Digest ` + rest, true, "", func(a answer) bool { return a.algorithm == MD5 && a.qop == qopNone }},
		{"algorithm in lower case", `Digest ` + rest + `,algorithm=md5`, true, "", func(a answer) bool { return a.algorithm == MD5 }},
		{"algorithm quoted", `Digest ` + rest + `,algorithm="SHA-256"`, true, "", func(a answer) bool { return a.algorithm == SHA256 }},
		{"session algorithm is unknown", `Digest ` + rest + `,algorithm=MD5-sess`, true, "", func(a answer) bool { return a.algorithm == 0 }},
		{"qop unquoted", `Digest ` + rest + `,qop=auth,nc=00000002,cnonce="c"`, true, "", func(a answer) bool { return a.qop == qopAuth && a.count == 2 }},
		{"qop quoted, nc quoted", `Digest ` + rest + `,qop="auth",nc="0000000A",cnonce=c`, true, "", func(a answer) bool { return a.count == 10 }},
		{"qop empty is none", `Digest ` + rest + `,qop=""`, true, "", func(a answer) bool { return a.qop == qopNone }},
		{"auth-int", `Digest ` + rest + `,qop=auth-int,nc=1,cnonce="c"`, true, "", func(a answer) bool { return a.qop == qopAuthInt }},
		{"folded lines", "Digest username=\"alice\",realm=\"example.com\",\r\n  nonce=\"n\",\r\n\turi=\"sip:example.com\",response=\"r\"", true, "", nil},
		{"blanks around everything", `Digest   username = "alice" ,  realm= "example.com",nonce ="n" , uri="sip:example.com",response="r" `, true, "", nil},
		{"empty elements", `Digest ,,` + rest + `,,`, true, "", nil},
		{"comma and escape in a string", `Digest ` + rest + `,opaque="a,\"b\\"`, true, "", nil},
		{"unknown parameters", `Digest ` + rest + `,foo=bar,userhash=false,auts="x"`, true, "", nil},
		{"parameter names in capitals", `Digest USERNAME="alice",Realm="example.com",nonce="n",URI="sip:example.com",response="r"`, true, "", nil},
		{"uri is tel", `Digest username="alice",realm="example.com",nonce="n",uri="tel:+49",response="r"`, true, "", nil},
		{"Basic", `Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==`, false, "", nil},
		{"nothing", ``, false, "", nil},
		{"scheme word alone", `Digest`, true, "Incomplete Digest Credentials", nil},
		{"no response", `Digest username="alice",realm="example.com",nonce="n",uri="sip:example.com"`, true, "Incomplete Digest Credentials", nil},
		{"uri is http", `Digest username="alice",realm="example.com",nonce="n",uri="http://example.com",response="r"`, true, "Digest uri Is Not a SIP URI", nil},
		{"qop without nc", `Digest ` + rest + `,qop=auth,cnonce="c"`, true, "Digest qop Without nc and cnonce", nil},
		{"qop without cnonce", `Digest ` + rest + `,qop=auth,nc=1`, true, "Digest qop Without nc and cnonce", nil},
		{"nc is not a number", `Digest ` + rest + `,qop=auth,nc=x,cnonce="c"`, true, "Digest qop Without nc and cnonce", nil},
		{"nc of nine digits", `Digest ` + rest + `,qop=auth,nc=000000001,cnonce="c"`, true, "Digest qop Without nc and cnonce", nil},
		{"username twice", `Digest ` + rest + `,username="bob"`, true, "Digest Parameter Given Twice", nil},
		{"string not closed", `Digest ` + rest + `,opaque="x`, true, "Malformed Digest Credentials", nil},
		{"string ends in a backslash", `Digest ` + rest + `,opaque="x\`, true, "Malformed Digest Credentials", nil},
		{"no equals sign", `Digest ` + rest + `,opaque`, true, "Malformed Digest Credentials", nil},
		{"semicolon for comma", `Digest username="alice";realm="example.com"`, true, "Malformed Digest Credentials", nil},
	}
	for _, c := range cases {
		var a answer
		isDigest, reason := parseCredentials([]byte(c.value), &a)
		if isDigest != c.digest || reason != c.reason {
			t.Errorf("%s: %v, %q", c.name, isDigest, reason)
		} else if c.check != nil && !c.check(a) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	f.Add([]byte(`Digest username="alice", realm="example.com",nonce=n,uri="sip:a",response="r",qop=auth,nc=1,cnonce="\""`))
	f.Add([]byte("digest a=\"\\"))
	f.Fuzz(func(t *testing.T, v []byte) {
		var a answer
		isDigest, reason := parseCredentials(v, &a)
		if !isDigest && reason != "" {
			t.Error("a fault in another scheme's credentials")
		}
		if isDigest && reason == "" {
			if a.username == nil || a.response == nil || a.qop != qopNone && a.cnonce == nil {
				t.Errorf("incomplete: %+v", a)
			}
			if a.algorithm != 0 {
				a.matches(a.prepare(nil, []byte("REGISTER"), nil, new(digest.A2)), make([]byte, a.algorithm.Size()))
			}
		}
	})
}
