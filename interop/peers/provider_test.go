package peers_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// The server registers with a provider, which is Kamailio, with digest by UDP and
// by TLS. Calls go out and come in over the registration, also after the provider
// was killed and has forgotten it.
func TestProvider(t *testing.T) {
	t.Parallel()
	for _, proto := range []phones.Proto{phones.UDP, phones.TLS} {
		t.Run(string(proto), func(t *testing.T) {
			t.Parallel()
			gateway, err := peers.StartGateway(within(t), folder(t), time.Minute)
			must(t, "starting the gateway", err)
			t.Cleanup(func() { _ = gateway.Close() })
			s := startServer(t, peers.Settings{})
			data := filepath.Join(s.Dir, "data")
			p, err := peers.StartProvider(within(t), folder(t), gateway.Port, filepath.Join(data, "server.pem"), filepath.Join(data, "server-key.pem"))
			must(t, "starting the provider", err)
			t.Cleanup(func() { _ = p.Close() })
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the server's view:\n%s\nthe provider's log:\n%s", s.Ladder(context.Background(), p.User), p.Transcript())
				}
			})
			addProvider(t, s, p, proto)
			alice := user(t, s, "baresip", "alice", phones.UDP)
			_, err = s.Tandem(within(t), "users", "alias", "add", "alice", "tel:+4930123450")
			must(t, "giving alice the number", err)

			wantRegistration(t, s, "registered")
			providerCalls(t, s, p, alice)
			p.Kill()
			time.Sleep(time.Second)
			must(t, "starting the provider again", p.Start(within(t)))
			wantIncoming(t, s, p, alice)
			if out, err := s.Tandem(within(t), "trunks", "list"); err == nil {
				t.Log(out)
			}
		})
	}
}

func addProvider(t *testing.T, s *peers.Server, p *peers.Provider, proto phones.Proto) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, "writing the password", os.WriteFile(secret, []byte(p.Password+"\n"), 0o600))
	address := "sip:127.0.0.1:" + strconv.Itoa(p.Port)
	if proto == phones.TLS {
		address = "sip:localhost:" + strconv.Itoa(p.TLSPort) + ";transport=tls"
	}
	_, err := s.Tandem(within(t), "trunks", "add", "provider", "--address", address, "--domain", peers.KamailioDomain,
		"--user", p.User, "--secret-file", secret, "--register", "line", "--prefix", "+49", "--number", "+4930123450", "--codec", "PCMU")
	must(t, "adding the trunk", err)
}

type trunkState struct {
	State        string
	Registration struct{ Phase, Why, Remedy string }
}

// wantRegistration waits for a phase of the registration with the provider.
func wantRegistration(t *testing.T, s *peers.Server, phase string) trunkState {
	t.Helper()
	end := time.Now().Add(moment)
	for {
		out, err := s.Tandem(within(t), "trunks", "show", "provider", "--state", "-o", "json")
		must(t, "showing the trunk", err)
		var st trunkState
		must(t, "reading "+out, json.Unmarshal([]byte(out), &st))
		if st.Registration.Phase == phase {
			return st
		}
		if time.Now().After(end) {
			t.Fatalf("registration %+v, want it %s", st, phase)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// providerCalls makes a call in each direction.
func providerCalls(t *testing.T, s *peers.Server, p *peers.Provider, alice phones.Phone) {
	t.Helper()
	must(t, "dialling out", alice.Dial("sip:+49301234567@"+peers.Domain))
	must(t, "the call out is answered", alice.Established(within(t)))
	must(t, "hanging up", alice.Hangup())
	ended(t, alice)
	wantIncoming(t, s, p, alice)
}

// wantIncoming has the telephone network call the account until it gets through,
// which must not last longer than a registration.
func wantIncoming(t *testing.T, s *peers.Server, p *peers.Provider, alice phones.Phone) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		for {
			_, err := peers.RunUAC(ctx, folder(t), p.User, p.Port, 1, 1)
			if err == nil || ctx.Err() != nil {
				done <- err
				return
			}
		}
	}()
	must(t, "a call comes in", alice.Incoming(ctx))
	must(t, "answering", alice.Answer())
	must(t, "the call in", <-done)
	ended(t, alice)
	t.Logf("a call came in after %s", time.Since(began).Round(time.Millisecond))
	list, err := s.Calls(ctx)
	must(t, "listing records", err)
	if len(list) == 0 || list[0].Trunk != "provider" {
		t.Errorf("the last record is %+v, want one of the trunk", list)
	}
}

// What the provider refuses is told with what to do; the right password then
// counts at once.
func TestProviderRefuses(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	p, err := peers.StartProvider(within(t), folder(t), 9, "", "")
	must(t, "starting the provider", err)
	t.Cleanup(func() { _ = p.Close() })
	right := p.Password
	p.Password = "wrong"
	addProvider(t, s, p, phones.UDP)
	st := wantRegistration(t, s, "refused")
	if st.State != "degraded" || !strings.Contains(st.Registration.Why, "401") || !strings.Contains(st.Registration.Remedy, "its password is wrong") {
		t.Errorf("%+v", st)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, "writing the password", os.WriteFile(secret, []byte(right+"\n"), 0o600))
	_, err = s.Tandem(within(t), "trunks", "set", "provider", "--secret-file", secret)
	must(t, "setting the password", err)
	wantRegistration(t, s, "registered")
}
