package peers_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// binary is the server, built once for all tests, with the race detector. The
// media relay is plain: with the detector it would not keep up.
var binary, plain string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "peers")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = peers.Build(filepath.Join(dir, "race"), true)
	}
	if err == nil {
		plain, err = peers.Build(filepath.Join(dir, "plain"), false)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	// The tests wait most of the time, so more than one a core may run.
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		err = flag.Set("test.parallel", "6")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// moment is how long anything short may take on a busy machine.
const moment = 30 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	t.Cleanup(cancel)
	return ctx
}

// must ends the test at an error; on says at what.
func must(t testing.TB, on string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", on, err)
	}
}

// startServer runs a server for one test.
func startServer(t testing.TB, set peers.Settings) *peers.Server {
	t.Helper()
	s, err := peers.StartServer(within(t), binary, filepath.Join(t.TempDir(), "server"), set)
	must(t, "starting the server", err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What the phones say, and how exact what is heard must be.
const (
	level    = -15.0 // dBFS
	maxLevel = 1.5   // dB off
	maxFreq  = 3.0   // Hz off
)

// tones are what each user says in calls.
var tones = map[string]float64{"alice": 700, "bob": 440, "carol": 1000, "dave": 1300}

func tone(t testing.TB, user string) string {
	t.Helper()
	file := filepath.Join(folder(t), user+".wav")
	must(t, "writing a tone", phones.Tone(file, tones[user], level, 30*time.Second))
	return file
}

// folder is a new one with a short name: baresip cuts names of devices at 128
// characters.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	must(t, "making a folder", err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startPhone starts a phone for an account and waits until it is registered.
func startPhone(t *testing.T, kind string, a phones.Account) phones.Phone {
	t.Helper()
	p, err := phones.Start(within(t), kind, folder(t), a, tone(t, a.User))
	must(t, "starting "+kind, err)
	t.Cleanup(func() { _ = p.Close() })
	must(t, kind+" registers", p.Registered(within(t)))
	return p
}

// user makes a user and a phone for it.
func user(t *testing.T, s *peers.Server, kind, name string, proto phones.Proto) phones.Phone {
	t.Helper()
	a, err := s.AddUser(within(t), name, proto)
	must(t, "adding "+name, err)
	return startPhone(t, kind, a)
}

// explain shows the server's messages for a user when the test fails.
func explain(t testing.TB, s *peers.Server, user string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			ctx, cancel := context.WithTimeout(context.Background(), moment)
			defer cancel()
			t.Logf("messages of %s:\n%s\nthe server's log:\n%s", user, s.Ladder(ctx, user), s.Log().Tail(30))
		}
	})
}

// wrongTone says what is wrong when something else than the tone of a user was
// heard.
func wrongTone(t *testing.T, who string, p phones.Phone, freq float64) (wrong []string) {
	t.Helper()
	return wrongToneAt(t, who, p, freq, level)
}

func wrongToneAt(t *testing.T, who string, p phones.Phone, freq, level float64) (wrong []string) {
	t.Helper()
	h, err := p.Heard()
	must(t, who+" recorded", err)
	t.Logf("%s heard %s", who, h)
	tone := h.Longest()
	if tone.Length < time.Second {
		return []string{fmt.Sprintf("%s heard no steady tone: %s", who, h)}
	}
	if d := tone.Freq - freq; d > maxFreq || d < -maxFreq {
		wrong = append(wrong, fmt.Sprintf("%s heard %.1f Hz, want %.0f", who, tone.Freq, freq))
	}
	if d := tone.Level - level; d > maxLevel || d < -maxLevel {
		wrong = append(wrong, fmt.Sprintf("%s heard %.1f dBFS, want %.1f", who, tone.Level, level))
	}
	return wrong
}
