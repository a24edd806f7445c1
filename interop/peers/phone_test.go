package peers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/process"
)

// deskPhone adds a phone that is a baresip to the server.
func deskPhone(t *testing.T, s *peers.Server, mac, user string, more ...string) (*phones.Bootable, string) {
	t.Helper()
	port, err := process.Port()
	must(t, "a port for its control", err)
	dir := folder(t)
	args := append([]string{"phones", "add", mac, "--family", "baresip", "--line", user,
		"--set", "audio_source=aufile," + tone(t, user), "--set", "audio_player=aufile," + filepath.Join(dir, "none.wav"),
		"--set", "more_modules=aufile.so sndfile.so", "--set", fmt.Sprintf("control=127.0.0.1:%d", port),
		"--set", "listen=127.0.0.1:0", "--set", "net_interface=127.0.0.1", "--set", "rtp_ports=9000-9999"}, more...)
	_, err = s.Tandem(within(t), args...)
	must(t, "adding the phone of "+user, err)
	return &phones.Bootable{MAC: mac, URL: fmt.Sprintf("https://127.0.0.1:%d/", s.FilesPort), CA: filepath.Join(s.Dir, "data", "ca.pem")}, dir
}

// A program that knows its MAC address and the server's CA and nothing else boots
// from the files it gets over HTTPS, registers with a secret nobody typed, and
// calls. A changed key reaches it after a resync: it shows it then, and calls by it.
func TestPhoneBootsFromFiles(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{Phones: true, AllCalls: true})
	explain(t, s, "alice")
	for _, name := range []string{"alice", "bob"} {
		_, err := s.AddUser(within(t), name, phones.TLS)
		must(t, "adding "+name, err)
	}
	box, dir := deskPhone(t, s, "0004f2000001", "alice", "--key", "lamp:bob:Bob")
	must(t, "fetching its files", box.Fetch(within(t), dir))
	alice, err := box.Start(within(t), dir)
	must(t, "booting", err)
	t.Cleanup(func() { _ = alice.Close() })
	must(t, "registering", alice.Registered(within(t)))

	other, dir2 := deskPhone(t, s, "0004f2000002", "bob")
	must(t, "fetching its files", other.Fetch(within(t), dir2))
	bob, err := other.Start(within(t), dir2)
	must(t, "booting", err)
	t.Cleanup(func() { _ = bob.Close() })
	must(t, "registering", bob.Registered(within(t)))

	// The lamp of bob follows him: on the phone, and there again.
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	must(t, "bob's lamp in a call", alice.Hears(within(t), regexp.MustCompile(`^<presence.*sip:bob@.*<rpid:on-the-phone/>`)))
	must(t, "what it shows", alice.Hears(within(t), regexp.MustCompile(`bob@.* changed status from .* to .*Busy`)))
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	must(t, "bob's lamp after the call", alice.Hears(within(t), regexp.MustCompile(`bob@.* changed status from .*Busy.* to .*Online`)))

	list, err := s.Tandem(within(t), "phones", "list")
	must(t, "listing", err)
	if strings.Count(list, "registered") != 2 {
		t.Errorf("not both show as registered:\n%s", list)
	}
	// The message lamp: baresip subscribes by itself, as its files say.
	_, err = s.Tandem(within(t), "phones", "waiting", "alice", "--new", "3", "--old", "1")
	must(t, "messages wait", err)
	must(t, "its message lamp", alice.Hears(within(t), regexp.MustCompile(`^Voice-Message: 3/1 \(0/0\)`)))
	diff, err := s.Tandem(within(t), "phones", "diff", box.MAC)
	must(t, "diff", err)
	if strings.TrimSpace(diff) != "" {
		t.Errorf("it has the latest files, and yet they differ:\n%s", diff)
	}

	_, err = s.Tandem(within(t), "phones", "assign", box.MAC, "--key", "dial:bob:Robert")
	must(t, "changing its key", err)
	diff, err = s.Tandem(within(t), "phones", "diff", box.MAC)
	must(t, "diff", err)
	if !strings.Contains(diff, "+\"Robert\"") || !strings.Contains(diff, "-\"Bob\"") || strings.Contains(diff, "auth_pass") {
		t.Errorf("the difference is not the key:\n%s", diff)
	}
	out, err := s.Tandem(within(t), "phones", "resync", box.MAC)
	t.Logf("resync: %s %v", out, err) // baresip itself refuses an event it does not know; its loader hears it
	must(t, "the notice to fetch", alice.Hears(within(t), regexp.MustCompile(`^Event: check-sync`)))
	must(t, "fetching its files again", box.Fetch(within(t), dir))
	contacts, err := os.ReadFile(filepath.Join(dir, "contacts"))
	must(t, "reading them", err)
	if !strings.Contains(string(contacts), `"Robert" <sip:bob@`+peers.Domain) {
		t.Errorf("the changed key did not arrive:\n%s", contacts)
	}
	keys, err := alice.Keys(within(t))
	must(t, "its keys", err)
	if !strings.Contains(keys, "Bob") || strings.Contains(keys, "Robert") {
		t.Errorf("before it has taken up the files: %s", keys)
	}
	must(t, "going down", alice.Close())
	alice, err = box.Start(within(t), dir) // as a phone that is told to fetch does when it has
	must(t, "booting again", err)
	must(t, "registering again", alice.Registered(within(t)))
	keys, err = alice.Keys(within(t))
	must(t, "its keys", err)
	if strings.Contains(keys, "Bob") || !strings.Contains(keys, "Robert") {
		t.Errorf("after it has taken up the files: %s", keys)
	}
	must(t, "pressing the key", alice.PressKey())
	must(t, "bob's phone", bob.Incoming(within(t)))
	must(t, "hanging up", alice.Hangup())
	_, err = bob.Ended(within(t))
	must(t, "the end of the call", err)
	secret := regexp.MustCompile(`auth_pass=([a-z0-9]{26})`)
	accounts, err := os.ReadFile(filepath.Join(dir, "accounts"))
	must(t, "reading them", err)
	m := secret.FindSubmatch(accounts)
	if m == nil {
		t.Fatalf("no secret in %s", accounts)
	}
	if log := s.Log().Tail(1 << 20); strings.Contains(log, string(m[1])) || !strings.Contains(log, "mac="+box.MAC) {
		t.Error("the log has the secret, or tells no fetch by MAC")
	}
}
