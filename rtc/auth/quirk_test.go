package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

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
	var log bytes.Buffer
	f := newFixture(t, func(c *Config) {
		c.LocalHost = func(host []byte) bool { return string(host) == "192.0.2.9" }
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	r := message("sip:alice@example.com", "sip:bob@example.com").with("User-Agent: Cisco-SIPGateway/IOS-12.x")
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
	if n := strings.Count(log.String(), "Cisco-SIPGateway"); n != 1 {
		t.Errorf("told of %d times:\n%s", n, log.String())
	}
}

// Credentials are valid for the destination they were made for: a proxy on the way must
// not use them for another number. The spelling of the destination does not matter.
func TestDigestURI(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.LocalHost = func(host []byte) bool { return string(host) == "192.0.2.9" } })
	for _, c := range []struct {
		to, made string
		good     bool
	}{
		{"sip:bob@example.com", "sip:bob@example.com", true},
		{"sip:bob@example.com", "sip:bob@EXAMPLE.com:5060;transport=tcp", true},
		{"sip:b%6Fb@example.com", "sip:bob@example.com", true},
		{"sip:bob@192.0.2.9", "sip:bob@example.com", true}, // the proxy before us writes our address
		{"sip:+4930;npdi@example.com", "sip:+4930;npdi@example.com;user=phone", true},
		{"tel:+4930", "tel:+4930", true},
		{"tel:+4930", "sip:+4930@example.com", true},
		{"sip:+1900@example.com", "sip:bob@example.com", false},
		{"tel:+1900", "tel:+4930", false},
		{"sip:bob@elsewhere.example", "sip:bob@example.com", false},
		{"sip:bob@example.com", "sip:example.com", false},
		{"sip:bob@example.com", "sip:bob@[", false},
	} {
		r := message("sip:alice@example.com", c.to)
		ch := f.challenge(f.send(r))["MD5"]
		r.cseq++
		v := f.send(r.with(f.answer(r, ch, "alice", password, func(_ *digest.Challenge, o *digest.Options) { o.URI = c.made })))
		if c.good {
			f.wantIdentity(v, "sip:alice@example.com")
		} else {
			f.wantRefused(v, 400, "Digest uri Is Not the Request-URI")
		}
	}
	r := register("100") // a phone that knows the server by its address
	f.wantIdentity(f.send(r.with(f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, func(_ *digest.Challenge, o *digest.Options) { o.URI = "sip:192.0.2.9" }))), "sip:100@example.com")
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

// TestQuirkTwoCredentialsInOneLine: for two algorithms, or for two realms, joined
// by a comma, which RFC 3261 §7.3.1 forbids and phones do.
func TestQuirkTwoCredentialsInOneLine(t *testing.T) {
	f := newFixture(t, nil)
	r := register("100")
	all := f.challenge(f.send(r))
	value := func(line string) string { return strings.TrimPrefix(line, "Authorization: ") }
	md5 := value(f.answer(r, all["MD5"], "100", password, nil))
	sha := value(f.answer(r, all["SHA-256"], "100", password, nil))
	const other = `Digest username="x", realm="elsewhere", nonce="n", uri="sip:y", response="z"`
	for i, line := range []string{sha + ", " + md5, md5 + "," + sha, other + ", " + md5, md5 + ", " + other, "Basic QWxhZGRpbg==, " + md5} {
		r.callID, r.cseq = "two", 10+i
		f.now = f.now.Add(time.Minute)
		fresh := value(f.answer(r, f.challenge(f.send(r))["MD5"], "100", password, nil))
		f.wantIdentity(f.send(r.with("Authorization: "+strings.ReplaceAll(line, md5, fresh))), "sip:100@example.com")
	}
	f.wantAsked(f.send(r.with("Authorization: "+other+", "+other)), false)
}
