package auth

import (
	"strings"
	"testing"

	"github.com/icholy/digest"
)

// The quirks of phones and gateways, by their names in the list of vendors'
// behaviours.

func qopless(c *digest.Challenge, _ *digest.Options) { c.QOP = nil }

// TestQuirk7960Of2002: no qop, the whole address with port as user name and in
// H(A1), no blanks after commas, credentials in Proxy-Authorization on REGISTER.
func TestQuirk7960Of2002(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "sip:100@example.com:5060", password, qopless)
	line = strings.NewReplacer("Authorization:", "Proxy-Authorization:", ", ", ",").Replace(line)
	if !strings.Contains(line, `username="sip:100@example.com:5060",`) || strings.Contains(line, "qop") {
		t.Fatal(line)
	}
	f.wantIdentity(f.send(r.with(line)), "sip:100@example.com")
}

func TestQuirkUsernameSpellings(t *testing.T) {
	for _, user := range []string{"100", "100@example.com", "sip:100@example.com", "sip:100@example.com:5060"} {
		f := newFixture(t, nil)
		r := register("100")
		f.wantIdentity(f.send(r.with(f.answer(r, f.challenge(f.send(r))["MD5"], user, password, qopless))), "sip:100@example.com")
	}
	// Not hashed in advance: the name of another host, another port, SHA-256.
	for _, user := range []string{"sip:100@192.0.2.9:5060", "sip:100@example.com:5062"} {
		f := newFixture(t, nil)
		r := register("100")
		f.wantAsked(f.send(r.with(f.answer(r, f.challenge(f.send(r))["MD5"], user, password, nil))), false)
	}
	f := newFixture(t, nil)
	r := register("100")
	f.wantAsked(f.send(r.with(f.answer(r, f.challenge(f.send(r))["SHA-256"], "100@example.com", password, nil))), false)
}

// TestQuirk7960V8: algorithm in lower case, no qop.
func TestQuirk7960V8(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, qopless)
	f.wantIdentity(f.send(r.with(strings.Replace(line, "algorithm=MD5", "algorithm=md5", 1))), "sip:100@example.com")
}

func TestQuirkNoAlgorithmIsMD5(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, func(c *digest.Challenge, _ *digest.Options) { c.Algorithm = "" })
	if strings.Contains(line, "algorithm") {
		t.Fatal(line)
	}
	f.wantIdentity(f.send(r.with(line)), "sip:100@example.com")
}

// TestQuirkCiscoGatewayDigest: digest-uri is the proxy and not the Request-URI,
// qop unquoted, the same nonce goes on with ACK (nc=2, not challenged) and the
// next request (nc=3).
func TestQuirkCiscoGatewayDigest(t *testing.T) {
	f := newFixture(t, nil)
	r := message("sip:alice@example.com", "sip:bob@example.com")
	c := f.challenge(f.send(r))["MD5"]
	count := func(n int) func(*digest.Challenge, *digest.Options) {
		return func(_ *digest.Challenge, o *digest.Options) { o.Count, o.URI = n, "sip:192.0.2.9" }
	}
	line := f.answer(r, c, "alice", password, count(1))
	if !strings.Contains(line, "qop=auth,") || !strings.Contains(line, `uri="sip:192.0.2.9"`) {
		t.Fatal(line)
	}
	f.wantIdentity(f.send(r.with(line)), "sip:alice@example.com")
	ack := r
	ack.method = "ACK"
	if v := f.send(ack.with(f.answer(ack, c, "alice", password, count(2)))); v.act != actPass || v.identity != nil {
		t.Errorf("ACK: %+v", v)
	}
	r.cseq++
	f.wantIdentity(f.send(r.with(f.answer(r, c, "alice", password, count(3)))), "sip:alice@example.com")
}

// TestQuirk7960AuthOnACK: an ACK with credentials and a From without tag.
func TestQuirk7960AuthOnACK(t *testing.T) {
	f := newFixture(t, nil)
	ack := message("sip:100@example.com", "sip:bob@example.com")
	ack.method, ack.body, ack.from = "ACK", "", "sip:100@example.com"
	line := `Proxy-Authorization: Digest username="100",realm="example.com",uri="sip:192.0.2.9",response="0",nonce="gone",algorithm=MD5`
	if v := f.send(ack.with(line)); v.act != actPass {
		t.Errorf("%+v", v)
	}
}

func TestQuirkSchemeWordInAnyCase(t *testing.T) {
	for _, word := range []string{"DIGEST", "digest", "DiGeSt"} {
		f := newFixture(t, nil)
		r := register("100")
		line := f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, nil)
		f.wantIdentity(f.send(r.with(strings.Replace(line, "Digest", word, 1))), "sip:100@example.com")
	}
}

// TestQuirkSnomFoldedAuthorization: the header goes on in a second line.
func TestQuirkSnomFoldedAuthorization(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, nil)
	f.wantIdentity(f.send(r.with(strings.Replace(line, ", nonce=", ",\r\n  nonce=", 1))), "sip:100@example.com")
}

func TestQuirkResponseInCapitals(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, nil)
	before, after, _ := strings.Cut(line, `response="`)
	response, rest, _ := strings.Cut(after, `"`)
	f.wantIdentity(f.send(r.with(before+`response="`+strings.ToUpper(response)+`"`+rest)), "sip:100@example.com")
}

// TestQuirkLastChallengeOnly: browser stacks answer the last challenge and know
// MD5 only.
func TestQuirkLastChallengeOnly(t *testing.T) {
	f := newFixture(t, nil)
	v := f.send(register("100"))
	if last := v.realm.server[len(v.realm.server)-1]; !strings.Contains(last.after, "algorithm=MD5") {
		t.Errorf("last challenge: %+v", last)
	}
}
