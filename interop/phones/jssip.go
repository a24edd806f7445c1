package phones

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	_ "embed"

	"tandem/interop/process"
	"tandem/interop/story"
	"tandem/media/sound"
)

//go:embed jssip.html
var jssipPage []byte

// JsSIP is a headless Chromium with one page: a phone of the library JsSIP, with one
// account, over a secure WebSocket.
type JsSIP struct {
	program *process.Program
	server  http.Server
	served  chan error
	account Account
	next    chan order
	events  process.Transcript
	told    int

	mu      sync.Mutex
	samples []sample // of the call
	before  int      // how many of them are of earlier calls, until the page forgets them
}

var _ Phone = (*JsSIP)(nil)

// order is what the page is to do next.
type order struct {
	What string `json:"what"`
	To   string `json:"to,omitempty"`
}

// modules are where "make peers" puts JsSIP and what it needs.
func modules() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "tandem-peers", "node_modules")
	if _, err := os.Stat(filepath.Join(dir, "jssip", "package.json")); err != nil {
		return "", errors.New("JsSIP is not installed; run: make peers")
	}
	return dir, nil
}

// startJsSIP starts one below dir. It says the file say (WAV) in calls.
func startJsSIP(_ context.Context, dir string, a Account, say string) (*JsSIP, error) {
	path, err := process.Find("chromium")
	if err != nil {
		return nil, err
	}
	library, err := modules()
	if err != nil {
		return nil, err
	}
	listener, err := process.Listen()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &JsSIP{account: a, next: make(chan order, 8), served: make(chan error, 1)}
	p.server = http.Server{ReadHeaderTimeout: process.Patience, Handler: p.pages(library)}
	go func() { p.served <- p.server.Serve(listener) }()
	p.program, err = process.Start(process.Command{Path: path, Dir: dir, Env: []string{"HOME=" + dir}, Args: []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--disable-background-networking", "--disable-component-update",
		"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--use-file-for-fake-audio-capture=" + say,
		"--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
		"--ignore-certificate-errors", // the server's CA is its own
		"http://" + listener.Addr().String() + "/",
	}})
	if err != nil {
		_ = p.server.Close()
		<-p.served
		return nil, err
	}
	return p, nil
}

// pages are the page, its library, and what it tells and asks.
func (p *JsSIP) pages(library string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(jssipPage)
	})
	mux.Handle("GET /modules/", http.StripPrefix("/modules/", http.FileServer(http.Dir(library))))
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"url": "wss://" + process.Loopback(p.account.Port) + "/", "uri": p.account.AOR(), "password": p.account.Password})
	})
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case o := <-p.next:
			_ = json.NewEncoder(w).Encode(o)
		case <-time.After(process.Patience):
			_, _ = io.WriteString(w, "{}")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /event", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		fmt.Fprintln(&p.events, oneLine(string(b)))
	})
	mux.HandleFunc("POST /heard", func(_ http.ResponseWriter, r *http.Request) {
		var list []sample
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<24)).Decode(&list); err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(list) < len(p.samples) {
				p.before = 0 // another call
			}
			p.samples = list
		}
	})
	return mux
}

// sample is what was heard in a moment.
type sample struct {
	At               float64 // ms
	Frequency, Level float64
}

// tonesOf joins samples of the same frequency.
func tonesOf(list []sample) Heard {
	h := Heard{File: "the page"}
	for i, s := range list {
		at := time.Duration((s.At - list[0].At) * float64(time.Millisecond))
		h.Length = at
		if s.Level < -50 {
			continue
		}
		if n := len(h.Tones); n > 0 && i > 0 && math.Abs(h.Tones[n-1].Freq-s.Frequency) < 4 && at-h.Tones[n-1].Start-h.Tones[n-1].Length < 4*breath {
			t := &h.Tones[n-1]
			t.Length = at - t.Start
			if s.Level > t.Level { // at its ends the tone does not fill the window
				t.Level, t.Freq = s.Level, s.Frequency
			}
			continue
		}
		h.Tones = append(h.Tones, sound.Segment{Freq: s.Frequency, Level: s.Level, Start: at})
	}
	return h
}

func (p *JsSIP) event(ctx context.Context, re string) (string, error) {
	m, next, err := p.events.Wait(ctx, p.told, regexp.MustCompile(`^(?:`+re+`) ?(.*)$`))
	if err != nil {
		return "", fmt.Errorf("JsSIP: %w\n%s", err, p.Transcript())
	}
	p.told = next
	return m[1], nil
}

func (p *JsSIP) do(o order) error {
	select {
	case p.next <- o:
		return nil
	default:
		return errors.New("the page does nothing")
	}
}

// Registered implements Phone.
func (p *JsSIP) Registered(ctx context.Context) error {
	_, err := p.event(ctx, "registered")
	return err
}

// Dial implements Phone.
func (p *JsSIP) Dial(uri string) error { return p.do(order{"dial", uri}) }

// Incoming implements Phone.
func (p *JsSIP) Incoming(ctx context.Context) error {
	_, err := p.event(ctx, "incoming")
	return err
}

// Ringing implements Phone.
func (p *JsSIP) Ringing(ctx context.Context) error {
	_, err := p.event(ctx, "ringing")
	return err
}

// Answer implements Phone.
func (p *JsSIP) Answer() error { return p.do(order{What: "answer"}) }

// Established implements Phone.
func (p *JsSIP) Established(ctx context.Context) error {
	_, err := p.event(ctx, "established")
	return err
}

// Hangup implements Phone.
func (p *JsSIP) Hangup() error { return p.do(order{What: "hangup"}) }

// Ended implements Phone.
func (p *JsSIP) Ended(ctx context.Context) (string, error) { return p.event(ctx, "ended") }

// Heard implements Phone.
func (p *JsSIP) Heard() (Heard, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) == 0 {
		return Heard{}, fmt.Errorf("the page has heard nothing\n%s", p.Transcript())
	}
	return tonesOf(p.samples), nil
}

// begin implements ear.
func (p *JsSIP) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = len(p.samples)
}

func (p *JsSIP) length() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.samples)
}

func (p *JsSIP) tones(from int) []sound.Segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return tonesOf(p.samples[min(max(from, p.before), len(p.samples)):]).Tones
}

// Hold puts the other side on hold, or takes it back.
func (p *JsSIP) Hold(_ context.Context, on bool) error {
	if on {
		return p.do(order{What: "hold"})
	}
	return p.do(order{What: "unhold"})
}

// Held waits until the page is told that it is on hold, or taken back.
func (p *JsSIP) Held(ctx context.Context, on bool) error {
	what := "unhold remote"
	if on {
		what = "hold remote"
	}
	_, err := p.event(ctx, what)
	return err
}

// Press sends a key in the call. The browser may say that it cannot.
func (p *JsSIP) Press(key string) error {
	if err := p.do(order{"press", key}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*process.Patience)
	defer cancel()
	how, err := p.event(ctx, "pressed")
	if err == nil && how != "" {
		err = &story.Cannot{Who: "the browser", What: "says: " + how}
	}
	return err
}

// Transfer sends the other side to an address.
func (p *JsSIP) Transfer(uri string) error { return p.do(order{"refer", uri}) }

// Message implements Phone: the page is a telephone alone.
func (p *JsSIP) Message(string, string) error { return errors.ErrUnsupported }

// Messaged implements Phone.
func (p *JsSIP) Messaged(context.Context) (string, error) { return "", errors.ErrUnsupported }

// Transcript implements Phone.
func (p *JsSIP) Transcript() string {
	return "the page's events:\n" + p.events.Tail(30) + "\nchromium's output:\n" + strings.TrimSpace(p.program.Out.Tail(10))
}

// Kill ends it without a word.
func (p *JsSIP) Kill() { _ = p.Close() }

// CloseTab ends the browser as it stands, without a word to the server.
func (p *JsSIP) CloseTab() { p.program.Kill() }

// Close implements Phone.
func (p *JsSIP) Close() error {
	p.program.Kill()
	_ = p.server.Close()
	<-p.served
	return nil
}
