package auth

import (
	"context"
	"strings"
	"testing"

	"github.com/icholy/digest"

	"tandem/rtc"
)

func TestIndependentClientEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []Algorithm{SHA512256, SHA256, MD5} {
		for _, qop := range []string{"auth", "auth-int"} {
			f := newFixture(t, func(c *Config) { c.Offer, c.QOP = []Algorithm{SHA512256, SHA256, MD5}, qop })
			for _, r := range []request{register("alice"), message("sip:alice@example.com", "sip:bob@example.com")} {
				c := f.challenge(f.send(r))[algorithm.String()]
				if c == nil {
					t.Fatalf("%v not offered", algorithm)
				}
				r = r.with(f.answer(r, c, "alice", password, nil))
				f.wantIdentity(f.send(r), "sip:alice@example.com")
			}
			if got := f.Stats(); got.Challenged != 2 || got.Accepted != 2 || got.Failed != 0 {
				t.Errorf("%+v", got)
			}
		}
	}
}

func TestAuthIntProtectsTheBody(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QOP = "auth-int" })
	r := message("sip:alice@example.com", "sip:bob@example.com")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password, nil)
	r.body = "Send money"
	f.wantAsked(f.send(r.with(line)), false)
}

func TestChallengeOrderAndForm(t *testing.T) {
	f := newFixture(t, nil)
	v := f.send(register("alice"))
	got := string(f.appendChallenge(nil, v.realm, v.proxy, true, office, f.now))
	lines := strings.SplitAfter(got, "\r\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%q", got)
	}
	for i, algorithm := range []string{"SHA-256", "MD5"} {
		want := `WWW-Authenticate: Digest realm="example.com", nonce="`
		tail := `", algorithm=` + algorithm + `, qop="auth", stale=true` + "\r\n"
		if !strings.HasPrefix(lines[i], want) || !strings.HasSuffix(lines[i], tail) {
			t.Errorf("line %d: %q", i, lines[i])
		}
	}
}

func TestWhoIsChallenged(t *testing.T) {
	const alice, bob = "sip:alice@example.com", "sip:bob@example.com"
	ack := message(alice, bob)
	ack.method, ack.body = "ACK", ""
	cancel := message(alice, bob)
	cancel.method, cancel.body = "CANCEL", ""
	inDialog := func(method string) request {
		r := message(alice, bob)
		r.method, r.body, r.to = method, "", r.to+";tag=2"
		return r
	}
	options := message(alice, "sip:example.com")
	options.method, options.body = "OPTIONS", ""
	foreignOptions, userOptions := options, options
	foreignOptions.from, userOptions.uri = "sip:ping@192.0.2.77", bob
	foreignRegister := register("alice")
	foreignRegister.to = "sip:alice@elsewhere.example"
	type want struct {
		code int // 0 passes
		text string
	}
	cases := []struct {
		name    string
		foreign bool
		r       request
		want    want
	}{
		{"REGISTER", false, register("alice"), want{401, "example.com"}},
		{"REGISTER of the second domain", false, request{method: "REGISTER", uri: "sip:second.example", from: "sip:dora@second.example;tag=1",
			to: "sip:dora@SECOND.example", callID: "c", cseq: 1}, want{401, "second.example"}},
		{"REGISTER elsewhere", false, foreignRegister, want{403, "Domain Not Served Here"}},
		{"MESSAGE to a user", false, message(alice, bob), want{407, "example.com"}},
		{"MESSAGE elsewhere", false, message(alice, "sip:x@elsewhere.example"), want{407, "example.com"}},
		{"MESSAGE of the second domain", false, message("sip:dora@second.example", bob), want{407, "second.example"}},
		{"OPTIONS to ourselves", false, options, want{}},
		{"OPTIONS to ourselves from elsewhere", false, foreignOptions, want{}},
		{"OPTIONS to a user", false, userOptions, want{407, "example.com"}},
		{"MESSAGE to this address", false, message(alice, "sip:192.0.2.9"), want{401, "example.com"}},
		{"ACK", false, ack, want{}},
		{"CANCEL", false, cancel, want{}},
		{"BYE in a dialog", false, inDialog("BYE"), want{}},
		{"re-INVITE", false, inDialog("INVITE"), want{}},
		{"REFER in a dialog", false, inDialog("REFER"), want{}},
		{"OPTIONS in a dialog", false, inDialog("OPTIONS"), want{}},
		{"MESSAGE with a To tag", false, inDialog("MESSAGE"), want{407, "example.com"}},
		{"PUBLISH with a To tag", false, inDialog("PUBLISH"), want{407, "example.com"}},
		{"unknown method with a To tag", false, inDialog("FOO"), want{407, "example.com"}},
		{"BYE without a To tag", false, func() request { r := inDialog("BYE"); r.to = bob; return r }(), want{407, "example.com"}},
		{"foreign caller", false, message("sip:x@elsewhere.example", bob), want{403, "Callers of Other Domains Not Accepted"}},
		{"foreign caller, allowed", true, message("sip:x@elsewhere.example", bob), want{}},
		{"foreign caller to elsewhere", true, message("sip:x@elsewhere.example", "sip:y@third.example"), want{407, "example.com"}},
		{"foreign caller to a number", true, message("sip:x@elsewhere.example", "tel:+4930999"), want{407, "example.com"}},
		{"anonymous caller", false, message("sip:anonymous@anonymous.invalid", bob), want{407, "example.com"}},
		{"number as caller", false, message("tel:+4930123", bob), want{407, "example.com"}},
	}
	for _, c := range cases {
		f := newFixture(t, func(cfg *Config) {
			cfg.AllowForeign = c.foreign
			cfg.Local = func(host []byte, _ uint16) bool { return string(host) == "192.0.2.9" }
		})
		v := f.send(c.r)
		var got want
		switch v.act {
		case actAsk:
			got = want{401, v.realm.name}
			if v.proxy {
				got.code = 407
			}
		case actRefuse:
			got = want{v.code, v.reason}
		}
		if got != c.want || v.identity != nil {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTrustedFlowPasses(t *testing.T) {
	f := newFixture(t, nil)
	f.send(register("alice"))
	v := f.decide(f.last, sender{trusted: true}, f.now, f.newWork())
	if v.act != actPass || v.identity == nil || v.identity.Method != rtc.AuthTrusted || v.identity.AOR != "" {
		t.Errorf("%+v", v)
	}
}

func TestIdentityMustMatch(t *testing.T) {
	const to, from = "To Is Not the Authenticated User", "From Is Not the Authenticated User"
	bob := "sip:bob@example.com"
	thirdParty := register("alice")
	thirdParty.from = bob + ";tag=1"
	cases := []struct {
		name, user string
		r          request
		aor        rtc.AOR
		reason     string
	}{
		{"own REGISTER", "alice", register("alice"), "sip:alice@example.com", ""},
		{"REGISTER of an alias", "alice", register("+4930123"), "sip:alice@example.com", ""},
		{"REGISTER of another", "bob", register("alice"), "", to},
		{"REGISTER by a third party who is the user", "alice", thirdParty, "sip:alice@example.com", ""},
		{"own MESSAGE", "alice", message("sip:alice@example.com", bob), "sip:alice@example.com", ""},
		{"From with port, capitals and parameters", "alice", message("sip:alice@EXAMPLE.com:5060;user=phone", bob), "sip:alice@example.com", ""},
		{"From sips", "alice", message("sips:alice@example.com", bob), "sip:alice@example.com", ""},
		{"From an alias", "alice", message("tel:+4930123", bob), "sip:alice@example.com", ""},
		{"From another", "alice", message(bob, bob), "", from},
		{"From the same name elsewhere", "alice", message("sip:alice@second.example", bob), "", from},
		{"From another domain to another", "alice", message("sip:x@elsewhere.example", "sip:y@third.example"), "", from},
		{"From another's number", "bob", message("tel:+4930123", bob), "", from},
		{"From in other case", "alice", message("sip:Alice@example.com", bob), "", from},
		{"anonymous", "alice", message("sip:anonymous@anonymous.invalid", bob), "sip:alice@example.com", ""},
	}
	for _, c := range cases {
		f := newFixture(t, nil)
		ask := f.challenge(f.send(c.r))["MD5"]
		v := f.send(c.r.with(f.answer(c.r, ask, c.user, password, func(ch *digest.Challenge, _ *digest.Options) { ch.Realm = "example.com" })))
		if c.reason == "" {
			if v.identity == nil || v.identity.AOR != c.aor {
				t.Errorf("%s: %+v", c.name, v)
			}
		} else if v.act != actRefuse || v.code != 403 || v.reason != c.reason || f.Stats().Mismatched != 1 {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestForeignCredentialsAreNoOffence(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.AllowForeign = true })
	r := message("sip:x@elsewhere.example", "sip:bob@example.com")
	for _, line := range []string{
		`Proxy-Authorization: Digest username="x", realm="elsewhere.example", nonce="n", uri="sip:elsewhere.example", response="r"`,
		`Proxy-Authorization: Digest realm="elsewhere.example"`,
		`Authorization: Bearer abc`,
	} {
		if v := f.send(r.with(line)); v.act != actPass || v.identity != nil {
			t.Errorf("%s: %+v", line, v)
		}
	}
}

func TestDisabledUser(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.users.Disable(context.Background(), "sip:alice@example.com"); err != nil {
		t.Fatal(err)
	}
	_, v := f.login(register("alice"), "alice", password)
	f.wantRefused(v, 403, "Account Disabled")
	_, v = f.login(register("alice"), "alice", "wrong-password")
	f.wantAsked(v, false)
}

func TestDevicePassword(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t, nil)
	user, secret, err := f.users.AddDevice(ctx, "sip:alice@example.com", "desk")
	if err != nil {
		t.Fatal(err)
	}
	_, v := f.login(register("alice"), user, secret)
	f.wantIdentity(v, "sip:alice@example.com")
	if v.identity.Device != "desk" {
		t.Errorf("device %q", v.identity.Device)
	}
	if list, _ := f.users.Devices("sip:alice@example.com"); !list[0].LastUsed.Equal(f.now) {
		t.Errorf("last used %v", list[0].LastUsed)
	}
	_, v = f.login(register("alice"), user, password)
	f.wantIdentity(v, "sip:alice@example.com")
	if v.identity.Device != "" {
		t.Errorf("own password is device %q", v.identity.Device)
	}
	if err := f.users.RevokeDevice(ctx, "sip:alice@example.com", "desk"); err != nil {
		t.Fatal(err)
	}
	_, v = f.login(register("alice"), user, secret)
	f.wantAsked(v, false)
}

func TestMD5RefusedWhenNotOffered(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Offer = []Algorithm{SHA256} })
	r := register("alice")
	c := f.challenge(f.send(r))["SHA-256"]
	md5 := func(ch *digest.Challenge, _ *digest.Options) { ch.Algorithm = "MD5" }
	f.wantAsked(f.send(r.with(f.answer(r, c, "alice", password, md5))), false)
	f.wantIdentity(f.send(r.with(f.answer(r, c, "alice", password, nil))), "sip:alice@example.com")
}

func TestMalformedCredentialsAreAnswered400(t *testing.T) {
	f := newFixture(t, nil)
	f.wantRefused(f.send(register("alice").with(`Authorization: Digest realm="example.com`)), 400, "Malformed Digest Credentials")
	f.wantRefused(f.send(register("alice").with(`Authorization: Digest realm="example.com", username="alice"`)), 400, "Incomplete Digest Credentials")
}

// TestRightCredentialsAmongOthers: phones send the ones before along.
func TestRightCredentialsAmongOthers(t *testing.T) {
	f := newFixture(t, nil)
	r := register("alice")
	c := f.challenge(f.send(r))["MD5"]
	good := f.answer(r, c, "alice", password, nil)
	bad := f.answer(r, c, "alice", "wrong-password", nil)
	stale := f.answer(r, c, "alice", password, func(ch *digest.Challenge, _ *digest.Options) { ch.Nonce = "old" })
	other := `Authorization: Digest username="alice", realm="elsewhere.example", nonce="n", uri="sip:e", response="r"`
	f.wantIdentity(f.send(r.with(other, stale, bad, good)), "sip:alice@example.com")
	if f.Stats().Failed != 0 {
		t.Error("counted as a failure")
	}
	var many []string
	for range maxAnswers {
		many = append(many, bad)
	}
	f.wantAsked(f.send(r.with(append(many, good)...)), false)
	if f.Stats().Failed != 1 {
		t.Errorf("%d failures counted for one request", f.Stats().Failed)
	}
}

// Who answers by an algorithm that is not offered, as after a change of the
// configuration, is asked anew and counts as nobody who guesses.
func TestAlgorithmNotOfferedIsAskedAgain(t *testing.T) {
	for _, algorithm := range []string{"SHA-512-256", "SHA-256"} {
		f := newFixture(t, func(c *Config) { c.Offer = []Algorithm{MD5} })
		r := register("alice")
		line := f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password,
			func(c *digest.Challenge, _ *digest.Options) { c.Algorithm = algorithm })
		if !strings.Contains(line, algorithm) {
			t.Fatal(line)
		}
		f.wantAsked(f.send(r.with(line)), false)
		if got := f.Stats(); got.Failed != 0 || got.Challenged != 2 || got.Accepted != 0 {
			t.Errorf("%s: %+v", algorithm, got)
		}
	}
}
