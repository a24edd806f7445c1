package gatewaysim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/test/realtime"
)

func TestMain(m *testing.M) {
	softphone.AllowLargeDatagrams()
	os.Exit(m.Run())
}

func start(t *testing.T, cfg Config) *Gateway {
	t.Helper()
	cfg.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	g, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func phone(t *testing.T, g *Gateway, cfg softphone.Config) *softphone.Phone {
	t.Helper()
	cfg.User, cfg.Server = "alice", g.Addr().String()
	p, err := softphone.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestCallHearsAnnouncementAndEcho(t *testing.T) {
	for _, c := range []struct{ proto, codec string }{{"udp", "PCMU"}, {"udp", "PCMA"}, {"tcp", "PCMU"}} {
		t.Run(c.proto+" "+c.codec, func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				g := start(t, Config{Ring: 50 * time.Millisecond})
				p := phone(t, g, softphone.Config{Proto: c.proto, Codecs: []string{c.codec}})
				var codes []int
				call, err := p.Dial(t.Context(), "+49 30 1234567", softphone.DialOptions{
					Progress: func(code int, _ string) { codes = append(codes, code) }})
				if err != nil {
					t.Fatal(err)
				}
				wav := filepath.Join(t.TempDir(), "heard.wav")
				r, err := call.Talk(t.Context(), softphone.TalkOptions{
					Play: sound.Silence(2700 * time.Millisecond), Measure: true, Record: wav, Duration: 6 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if len(codes) == 0 || codes[len(codes)-1] != 180 {
					t.Errorf("provisional responses %v, want 180 at the end", codes)
				}
				if s, err := sound.ReadWAV(wav); err != nil || len(s) < 4*sound.Rate {
					t.Errorf("recording has %d samples, %v", len(s), err)
				}
				return judge(r, c.codec)
			})
		})
	}
}

// judge says what is wrong with the announcement, by 1 % and 1 dB, and with the
// marks that came back.
func judge(r *softphone.Report, codec string) (wrong []string) {
	fault := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	a := r.Audio
	if a.Codec != codec || r.EndedBy != "us" || a.Lost > 5 || a.Received < 200 {
		fault("report %+v", r)
	}
	want := []struct{ freq, length float64 }{{523.25, 300}, {659.25, 300}, {783.99, 300}, {440, 1500}}
	if len(a.Tones) < len(want) {
		fault("heard tones %+v", a.Tones)
		return wrong
	}
	for i, w := range want {
		h := a.Tones[i]
		if math.Abs(h.Frequency-w.freq) > 0.01*w.freq || math.Abs(h.Level-announceLevel) > 1 || math.Abs(h.Length-w.length) > 80 {
			fault("tone %d: %+v, want %v Hz for %v ms at %v dBFS", i, h, w.freq, w.length, announceLevel)
		}
	}
	if math.Abs(a.Frequency-440) > 4.4 {
		fault("dominant frequency %v, want 440", a.Frequency)
	}
	if a.Echoes < 1 || a.RoundTrip < 0 || a.RoundTrip > 300 {
		fault("round trip %v ms over %d of %d marks", a.RoundTrip, a.Echoes, a.Marks)
	}
	return wrong
}

func TestNumbersOfABadDay(t *testing.T) {
	g := start(t, Config{})
	p := phone(t, g, softphone.Config{})
	for number, code := range map[string]int{"+49301200": 486, "+49301202": 404} {
		_, err := p.Dial(t.Context(), number, softphone.DialOptions{})
		var f *softphone.Failure
		if !errors.As(err, &f) || f.Code != code || f.Remedy == "" {
			t.Errorf("%s: %v, want %d with a remedy", number, err, code)
		}
	}
}

func TestCancelOfARingingCall(t *testing.T) {
	g := start(t, Config{})
	p := phone(t, g, softphone.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	rang := false
	_, err := p.Dial(ctx, "+49301201", softphone.DialOptions{Progress: func(code int, _ string) {
		if code == 180 {
			rang = true
			cancel()
		}
	}})
	if !rang || err == nil {
		t.Fatalf("rang %v, err %v", rang, err)
	}
}

func TestEarlyMediaThenAnswer(t *testing.T) {
	t.Parallel()
	g := start(t, Config{})
	p := phone(t, g, softphone.Config{})
	saw := 0
	call, err := p.Dial(t.Context(), "+49301203", softphone.DialOptions{Progress: func(code int, _ string) { saw = code }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	r, err := call.Talk(ctx, softphone.TalkOptions{Duration: 30 * time.Second, OnSound: func(heard []int16) {
		if sound.Duration(len(heard)) >= time.Second/2 {
			enough()
		}
	}})
	if err != nil || saw != 183 || r.Audio.Received < 20 {
		t.Fatalf("last provisional %d, report %+v, err %v", saw, r, err)
	}
}

func TestDigitsArrive(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := ""
	ctx, all := context.WithCancel(t.Context())
	defer all()
	g := start(t, Config{Ring: time.Millisecond, OnDigit: func(_ string, r rune) {
		mu.Lock()
		defer mu.Unlock()
		if got += string(r); len(got) == len("12*#") {
			time.AfterFunc(time.Second, all) // none is to follow
		}
	}})
	p := phone(t, g, softphone.Config{})
	call, err := p.Dial(t.Context(), "100#", softphone.DialOptions{})
	if err == nil {
		_, err = call.Talk(ctx, softphone.TalkOptions{Digits: "12*#", DigitsAt: 2800 * time.Millisecond, Duration: 30 * time.Second})
	}
	mu.Lock()
	defer mu.Unlock()
	if err != nil || got != "12*#" {
		t.Fatalf("digits %q, err %v", got, err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	g := start(t, Config{Allowed: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	p := phone(t, g, softphone.Config{})
	_, err := p.Dial(t.Context(), "+49301234567", softphone.DialOptions{})
	var f *softphone.Failure
	if !errors.As(err, &f) || f.Code != 403 {
		t.Fatalf("%v, want 403", err)
	}
}

func TestHoldAndResume(t *testing.T) {
	t.Parallel()
	g := start(t, Config{Ring: time.Millisecond})
	p := phone(t, g, softphone.Config{})
	call, err := p.Dial(t.Context(), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{true, false} {
		if err := call.Hold(t.Context(), on); err != nil {
			t.Fatalf("hold %v: %v", on, err)
		}
	}
	if err := call.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Close ends every call, also one whose caller never hangs up: it returns only
// when none is left.
func TestCloseEndsCalls(t *testing.T) {
	t.Parallel()
	for name, number := range map[string]string{"talking": "+493012367", "ringing": "+493012301", "early": "+493012303"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			echoing, rings := make(chan struct{}, 1), make(chan struct{}, 10)
			g := start(t, Config{Ring: time.Millisecond, OnDigit: func(string, rune) { echoing <- struct{}{} }})
			p := phone(t, g, softphone.Config{})
			go func() {
				call, err := p.Dial(t.Context(), number, softphone.DialOptions{Progress: func(int, string) { rings <- struct{}{} }})
				if err == nil {
					_, _ = call.Talk(t.Context(), softphone.TalkOptions{Digits: "1", DigitsAt: 2800 * time.Millisecond, Duration: time.Minute})
				}
			}()
			if <-rings; name == "talking" {
				<-echoing
			}
			g.Close()
		})
	}
}
