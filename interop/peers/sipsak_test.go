package peers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// sipsak, which administrators look after servers with: a ping, a registration with the
// right password and with a wrong one, and requests with more and more of them replaced
// by noise. MD5, since it knows no other. (Version 0.9.8.1 crashes at a text that needs
// credentials.)
func TestSipsak(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{Algorithms: []string{"MD5"}})
	alice, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	sipsak := func(target string, args ...string) (string, error) {
		return peers.Sipsak(within(t), s.Port, target, args...)
	}
	ping := filepath.Join(folder(t), "options")
	must(t, "writing a request", os.WriteFile(ping, []byte("OPTIONS sip:"+peers.Domain+" SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKping;rport\r\nMax-Forwards: 70\r\nFrom: <sip:ping@elsewhere.test>;tag=1\r\n"+
		"To: <sip:"+peers.Domain+">\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"), 0o600))
	if out, err := sipsak("sip:127.0.0.1", "-f", ping, "-i"); err != nil {
		t.Errorf("ping: %v\n%s", err, out)
	}

	const contact = "sip:alice@127.0.0.1:9"
	registers := func(password string) (string, error) {
		return sipsak("sip:alice@127.0.0.1", "-U", "-C", contact, "-x", "60", "-u", "alice", "-a", password)
	}
	if out, err := registers("not" + alice.Password); err == nil || !strings.Contains(out, "401") {
		t.Errorf("with a wrong password: %v\n%s", err, out)
	}
	if out, err := registers(alice.Password); err != nil {
		t.Errorf("with the right one: %v\n%s", err, out)
	}
	if list, err := s.Bindings(within(t), "alice"); err != nil || len(list) != 1 || list[0].Contact != contact {
		t.Errorf("alice is registered at %+v, %v", list, err)
	}

	_, _ = sipsak("sip:127.0.0.1", "-R", "-t", "100") // it fails with whatever is no 200
	if out, err := registers(alice.Password); err != nil {
		t.Errorf("after the noise: %v\n%s", err, out)
	}
}
