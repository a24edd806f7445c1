package peers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

func dictionary(t *testing.T, words ...string) string {
	t.Helper()
	file := filepath.Join(folder(t), "words")
	must(t, "writing a dictionary", os.WriteFile(file, []byte(strings.Join(words, "\n")+"\n"), 0o600))
	return file
}

// Guessing passwords at the server: it stays up, calls go on meanwhile, guesses
// are soon not looked at any more (not even the right one), and nothing tells
// a user that exists from one that does not. MD5, since the tool knows no other.
func TestPasswordGuessing(t *testing.T) {
	t.Parallel()
	realtime.Measure(t, func(t *testing.T) []string {
		s := startServer(t, peers.Settings{Algorithms: []string{"MD5"}})
		explain(t, s, "bob")
		alice, bob := user(t, s, "linphonec", "alice", phones.UDP), user(t, s, "baresip", "bob", phones.TCP)
		victim, err := s.AddUser(within(t), "victim", phones.UDP)
		must(t, "adding the victim", err)
		const guesses = 40
		var words []string
		for i := range guesses - 1 {
			words = append(words, fmt.Sprintf("guess%d", i))
		}
		file := dictionary(t, append(words, victim.Password)...)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		dir := folder(t)
		out := map[string]string{}
		var attack sync.WaitGroup
		var mu sync.Mutex
		for _, name := range []string{"victim", "nobody"} {
			attack.Go(func() {
				said, err := peers.Svcrack(ctx, dir, s.Port, name, file)
				if err != nil {
					said = err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				out[name] = said
			})
		}
		connect(t, alice, bob, "sip:bob@"+peers.Domain)
		time.Sleep(talk)
		must(t, "hanging up", alice.Hangup())
		ended(t, alice)
		ended(t, bob)
		wrong := append(wrongTone(t, "alice", alice, tones["bob"]), wrongTone(t, "bob", bob, tones["alice"])...)
		attack.Wait()
		for name, said := range out {
			if !strings.Contains(said, "found nothing") {
				t.Errorf("svcrack of %s says:\n%s", name, said)
			}
		}
		var answers [2]map[string]int
		for i, name := range []string{"victim", "nobody"} {
			answers[i] = answersTo(t, s, name)
		}
		t.Logf("answers to guesses for a user: %v, for nobody: %v", answers[0], answers[1])
		if !alike(answers[0], answers[1], guesses/10) {
			t.Errorf("a user is told from nobody: %v and %v", answers[0], answers[1])
		}
		if n := answers[0]["403"]; n < guesses/2 {
			t.Errorf("%d of %d guesses were refused unseen", n, guesses)
		}
		// The victim's own phone is not at the attacker's address.
		victim.From = "127.0.0.3"
		startPhone(t, "baresip", victim)
		return wrong
	})
}

// alike compares numbers of answers; the tool may send a guess twice when its
// machine is busy.
func alike(a, b map[string]int, off int) bool {
	if len(a) != len(b) {
		return false
	}
	for code, n := range a {
		if d := n - b[code]; b[code] == 0 || d > off || d < -off {
			return false
		}
	}
	return true
}

var status = regexp.MustCompile(`(?m)^SIP/2\.0 (\d{3}) `)

// answersTo counts the server's answers by code.
func answersTo(t *testing.T, s *peers.Server, user string) map[string]int {
	t.Helper()
	log, err := s.Messages(within(t), user)
	must(t, "reading messages", err)
	n := map[string]int{}
	for _, m := range status.FindAllStringSubmatch(log, -1) {
		n[m[1]]++
	}
	return n
}

// Looking for servers and users finds the server and no user.
func TestScanning(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	alice := user(t, s, "baresip", "alice", phones.UDP)
	dir := folder(t)
	out, err := peers.Svmap(within(t), dir, s.Port)
	must(t, "svmap", err)
	if !strings.Contains(out, "SIP Device") {
		t.Errorf("svmap does not see the server:\n%s", out)
	}
	names := dictionary(t, "alice", "bob", "nobody", "1000", "zorro")
	var scans sync.WaitGroup
	for _, method := range []string{"REGISTER", "INVITE", "OPTIONS"} {
		ctx := within(t)
		scans.Go(func() {
			if out, err := peers.Svwar(ctx, dir, s.Port, method, names); err != nil || !strings.Contains(out, "found nothing") {
				t.Errorf("svwar by %s (%v) finds:\n%s", method, err, out)
			}
		})
	}
	scans.Wait()
	bob := user(t, s, "linphonec", "bob", phones.UDP)
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	must(t, "hanging up", alice.Hangup())
	ended(t, bob)
}
