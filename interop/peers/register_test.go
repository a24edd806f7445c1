package peers_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// Each phone registers with digest over each transport, and the server knows it
// by a contact of that transport.
func TestRegister(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	for _, kind := range []string{"baresip", "linphonec"} {
		for _, proto := range []phones.Proto{phones.UDP, phones.TCP, phones.TLS} {
			t.Run(kind+"/"+string(proto), func(t *testing.T) {
				name := strings.ToLower(kind) + string(proto)
				explain(t, s, name)
				p := user(t, s, kind, name, proto)
				b, err := s.Bindings(within(t), name)
				must(t, "listing registrations", err)
				if len(b) != 1 {
					t.Fatalf("%d bindings, want 1: %+v", len(b), b)
				}
				t.Logf("%s by %s", b[0].Contact, b[0].UserAgent)
				if got := strings.Contains(strings.ToLower(b[0].Contact), "transport="+string(proto)); !got && proto != phones.UDP {
					t.Errorf("contact %s is not of %s", b[0].Contact, proto)
				}
				log, err := s.Messages(within(t), name)
				must(t, "reading messages", err)
				if got, want := proof.FindStringSubmatch(log), hashes[kind]; got == nil || len(got[1]) != want {
					t.Errorf("it did not prove itself by a hash of %d digits:\n%s", want, log)
				}
				must(t, "leaving", p.Close())
				for end := time.Now().Add(moment); ; time.Sleep(50 * time.Millisecond) {
					b, err = s.Bindings(within(t), name)
					must(t, "listing registrations", err)
					if len(b) == 0 {
						break
					}
					if time.Now().After(end) {
						t.Fatalf("still registered after it left: %+v", b)
					}
				}
			})
		}
	}
}

// proof is the response of a phone's credentials, not all of which name the
// algorithm; hashes is how many digits it has: SHA-256 where the phone knows it,
// MD5 where not.
var (
	proof  = regexp.MustCompile(`(?m)^Authorization:.*response="([0-9a-f*]+)"`)
	hashes = map[string]int{"baresip": 32, "linphonec": 64}
)

// A wrong password does not register.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	a, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	a.Password += "x"
	for _, kind := range phones.Programs {
		p, err := phones.Start(within(t), kind, folder(t), a, tone(t, "alice"))
		must(t, "starting "+kind, err)
		if err := p.Registered(within(t)); err == nil {
			t.Errorf("%s registered with a wrong password", kind)
		}
		must(t, "leaving", p.Close())
	}
	b, err := s.Bindings(within(t), "alice")
	must(t, "listing registrations", err)
	if len(b) != 0 {
		t.Errorf("bindings after wrong passwords: %+v", b)
	}
}
