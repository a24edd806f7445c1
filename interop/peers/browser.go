package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	_ "embed"

	"tandem/interop/process"
)

//go:embed browser.html
var browserPage []byte

// Browsed is what a page in the browser saw of its call.
type Browsed struct {
	Error      string  `json:"error"`
	Connected  float64 `json:"connected"` // ms from the offer to a connected state
	Codec      string  `json:"codec"`
	DTLS       string  `json:"dtls"`
	Cipher     string  `json:"cipher"` // SRTP
	Frequency  float64 `json:"frequency"`
	Level      float64 `json:"level"` // dBFS
	Packets    int     `json:"packets"`
	Lost       int     `json:"lost"`
	RemoteKind string  `json:"remoteKind"` // candidate
}

// Browse lets a headless Chromium call: answer is given the offer its page
// writes and returns the answer. It says the file say (WAV) in the call, and
// returns what it saw after a few seconds of talk. Run it in a network
// namespace with nothing but loopback, else the browser gathers from every
// interface there is.
func Browse(ctx context.Context, dir, say string, answer func(offer string) (string, error)) (Browsed, error) {
	path, err := process.Find("chromium")
	if err != nil {
		return Browsed{}, err
	}
	result := make(chan Browsed, 1)
	server := http.Server{ReadHeaderTimeout: process.Patience, Handler: browserHandler(answer, result)}
	listener, err := process.Listen()
	if err != nil {
		return Browsed{}, err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-served
	}()
	p, err := process.Start(process.Command{Path: path, Dir: dir, Env: []string{"HOME=" + dir}, Args: []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--disable-background-networking", "--disable-component-update",
		"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--use-file-for-fake-audio-capture=" + say,
		"--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
		"http://" + listener.Addr().String() + "/",
	}})
	if err != nil {
		return Browsed{}, err
	}
	defer p.Kill()
	select {
	case r := <-result:
		if r.Error != "" {
			return r, fmt.Errorf("the page says: %s", r.Error)
		}
		return r, nil
	case <-p.Done():
		return Browsed{}, fmt.Errorf("chromium ended: %w\n%s", p.Err(), p.Out.Tail(20))
	case <-ctx.Done():
		return Browsed{}, fmt.Errorf("the page reports nothing: %w\n%s", ctx.Err(), p.Out.Tail(20))
	}
}

func browserHandler(answer func(string) (string, error), result chan<- Browsed) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(browserPage)
	})
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) {
		var offer struct{ SDP string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&offer); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text, err := answer(offer.SDP)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotAcceptable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"type": "answer", "sdp": text})
	})
	mux.HandleFunc("POST /result", func(w http.ResponseWriter, r *http.Request) {
		var b Browsed
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&b); err != nil {
			b.Error = err.Error()
		}
		select {
		case result <- b:
		default: // only the first counts
		}
	})
	return mux
}

// Alone runs the test binary again, for the one test named, in a network
// namespace where nothing is but loopback. It returns what that printed.
func Alone(ctx context.Context, test string) (string, error) {
	path, err := process.Find("unshare")
	if err != nil {
		return "", err
	}
	args := []string{"-n"}
	if os.Getuid() != 0 {
		args = []string{"-r", "-n"}
	}
	args = append(args, "sh", "-c", `ip link set lo up && exec "$0" "$@"`, os.Args[0], "-test.run", "^"+test+"$", "-test.v", "-test.timeout", "60s")
	p, err := process.Run(ctx, process.Command{Path: path, Args: args, Env: []string{alone + "=1"}})
	if err != nil {
		return "", err
	}
	return p.Out.Tail(1 << 16), nil
}

const alone = "TANDEM_PEERS_ALONE"

// IsAlone says that this process was started by Alone.
func IsAlone() bool { return os.Getenv(alone) == "1" }
