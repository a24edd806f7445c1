package peers_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// Three contacts of one user ring at once; one answers, the others are
// cancelled and fall silent.
func TestThreeContacts(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "bob")
	bob, err := s.AddUser(within(t), "bob", phones.UDP)
	must(t, "adding bob", err)
	overTCP, overTLS := s.Account("bob", bob.Password, phones.TCP), s.Account("bob", bob.Password, phones.TLS)
	desk, laptop, mobile := startPhone(t, "baresip", bob), startPhone(t, "linphonec", overTLS), startPhone(t, "baresip", overTCP)
	alice := user(t, s, "linphonec", "alice", phones.UDP)
	b, err := s.Bindings(within(t), "bob")
	must(t, "listing registrations", err)
	if len(b) != 3 {
		t.Fatalf("bob has %d contacts, want 3: %+v", len(b), b)
	}
	must(t, "dialling", alice.Dial("sip:bob@"+peers.Domain))
	var ring sync.WaitGroup
	for name, p := range map[string]phones.Phone{"desk": desk, "laptop": laptop, "mobile": mobile} {
		ctx := within(t)
		ring.Go(func() {
			if err := p.Incoming(ctx); err != nil {
				t.Errorf("%s does not ring: %v", name, err)
			}
		})
	}
	ring.Wait()
	if t.Failed() {
		return
	}
	must(t, "answering", mobile.Answer())
	must(t, "the mobile speaks", mobile.Established(within(t)))
	must(t, "alice speaks", alice.Established(within(t)))
	for name, p := range map[string]phones.Phone{"desk": desk, "laptop": laptop} {
		reason, err := p.Ended(within(t))
		must(t, name+" falls silent", err)
		t.Logf("%s says: %s", name, reason)
	}
	must(t, "hanging up", mobile.Hangup())
	ended(t, alice)
	ended(t, mobile)
	for _, start := range []string{"CANCEL sip:", "SIP/2.0 487 "} {
		for end := time.Now().Add(moment); ; time.Sleep(50 * time.Millisecond) {
			log, err := s.Messages(within(t), "bob")
			must(t, "reading messages", err)
			n := distinct(log, start)
			if n == 2 {
				break
			}
			if n > 2 || time.Now().After(end) {
				t.Errorf("%d messages begin with %q, want 2", n, start)
				break
			}
		}
	}
}

var branch = regexp.MustCompile(`branch=[^;,\s]+`)

// distinct counts the messages that begin so; one that is repeated counts once.
func distinct(log, start string) int {
	seen := map[string]bool{}
	for _, text := range strings.Split(log, "\n"+start)[1:] {
		seen[branch.FindString(text)] = true
	}
	return len(seen)
}
