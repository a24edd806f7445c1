package peers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"tandem/interop/phones"
	"tandem/interop/process"
	"tandem/rtc/proxy"
)

// Domain is the one the servers here serve.
const Domain = "peers.test"

// Settings of a Server beyond what every test has.
type Settings struct {
	Routes       []proxy.Route
	AllowForeign bool
	Algorithms   []string // of Digest; none: the default
	Port         int      // of phones.UDP and phones.TCP; 0: a free one
	Trusting     bool     // a further phones.UDP port asks nobody on loopback for credentials
	Phones       bool     // desk phones get their files at FilesPort
	Browsers     bool     // secure WebSocket, for phones.JsSIP
	AllCalls     bool     // calls between users are led, too
	Music        string   // WAV file for who is on hold
	SessionTimer string   // of calls; "" is the default
}

// Server is the built server as a process of its own.
type Server struct {
	Dir                          string
	Port, TLSPort, TrustsPort    int // of phones.UDP and phones.TCP, of phones.TLS, of what Trusting asks for
	HTTPPort, FilesPort, WSSPort int
	bin                          string
	config                       string
	process                      *process.Program
	complaints                   int // in the logs of runs before
}

// mediaPorts are those of calls, for all servers: above what the kernel gives to
// clients, as the others are below.
const mediaPorts = "61000-65535"

// StartServer configures a server below dir and waits until it is ready. When
// somebody takes a port between choosing and use it tries others.
func StartServer(ctx context.Context, bin, dir string, set Settings) (s *Server, err error) {
	for n := range 3 {
		s, err = tryServer(ctx, bin, filepath.Join(dir, fmt.Sprint(n)), set)
		if err == nil || set.Port != 0 || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return s, err
}

func tryServer(ctx context.Context, bin, dir string, set Settings) (*Server, error) {
	p, err := process.Ports(6)
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Port: p[0], TLSPort: p[1], HTTPPort: p[2], TrustsPort: p[3], FilesPort: p[4], WSSPort: p[5], bin: bin, config: filepath.Join(dir, "tandem.yaml")}
	if set.Port != 0 {
		s.Port = set.Port
	}
	if err := s.write(set); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// write writes the configuration. JSON is YAML.
func (s *Server) write(set Settings) error {
	listen := []map[string]any{
		{"proto": "udp", "addr": process.Loopback(s.Port)},
		{"proto": "tcp", "addr": process.Loopback(s.Port)},
		{"proto": "tls", "addr": process.Loopback(s.TLSPort)},
	}
	if set.Browsers {
		listen = append(listen, map[string]any{"proto": "wss", "addr": process.Loopback(s.WSSPort), "origins": []string{"*"}})
	}
	if set.Trusting {
		listen = append(listen, map[string]any{"proto": "udp", "addr": process.Loopback(s.TrustsPort), "trusted": []string{"127.0.0.0/8"}})
	}
	auth := map[string]any{"allow_foreign": set.AllowForeign}
	if len(set.Algorithms) > 0 {
		auth["algorithms"] = set.Algorithms
	}
	phones := map[string]any{}
	if set.Phones {
		phones = map[string]any{"https": process.Loopback(s.FilesPort), "host": "127.0.0.1", "window": "10m"}
	}
	b, err := json.MarshalIndent(map[string]any{
		"phones":    phones,
		"domains":   []string{Domain},
		"data":      filepath.Join(s.Dir, "data"),
		"listen":    listen,
		"auth":      auth,
		"routes":    set.Routes,
		"http":      map[string]any{"addr": process.Loopback(s.HTTPPort)},
		"numbers":   map[string]any{"country": "DE"},
		"media":     map[string]any{"ports": mediaPorts},
		"telephony": map[string]any{"all_calls": set.AllCalls, "music": set.Music, "session_timer": cmp.Or(set.SessionTimer, "30m")},
		"limits":    map[string]any{"drain": "1s"},
		"log":       map[string]any{"level": "debug"},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("configuring the server: %w", err)
	}
	if err := os.WriteFile(s.config, b, 0o600); err != nil {
		return fmt.Errorf("configuring the server: %w", err)
	}
	return nil
}

// Start starts it, again after Kill or Close, and waits until it is ready.
func (s *Server) Start(ctx context.Context) error {
	p, err := process.Start(process.Command{Path: s.bin, Args: []string{"serve", "-c", s.config}, Dir: s.Dir})
	if err != nil {
		return err
	}
	s.process = p
	url := "http://" + process.Loopback(s.HTTPPort) + "/readyz"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil); err == nil {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return nil
				}
			}
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return fmt.Errorf("the server ended: %w\n%s", p.Err(), p.Out.Tail(20))
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("the server does not get ready: %w\n%s", ctx.Err(), p.Out.Tail(20))
		}
	}
}

// Tandem runs a command of the server's command line.
func (s *Server) Tandem(ctx context.Context, args ...string) (string, error) {
	p, err := process.Run(ctx, process.Command{Path: s.bin, Args: append([]string{"-c", s.config}, args...), Dir: s.Dir})
	if err != nil {
		return "", err
	}
	return p.Out.Tail(1 << 20), nil
}

// AddUser makes a user and returns the account to register with.
func (s *Server) AddUser(ctx context.Context, user string, proto phones.Proto) (phones.Account, error) {
	out, err := s.Tandem(ctx, "users", "add", user, "-o", "json")
	if err != nil {
		return phones.Account{}, err
	}
	var made struct{ Password string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return phones.Account{}, fmt.Errorf("adding user %s: %w: %s", user, err, out)
	}
	return s.Account(user, made.Password, proto), nil
}

// AddTrunk has numbers of the country called through a gateway at a UDP port,
// which is offered PCMU alone.
func (s *Server) AddTrunk(ctx context.Context, name string, port int) error {
	_, err := s.Tandem(ctx, "trunks", "add", name, "--address", process.Loopback(port), "--prefix", "+49", "--codec", "PCMU")
	return err
}

// Call is a record of "tandem cdr list".
type Call struct {
	State, Trunk string
	EndedBy      string `json:"ended_by"`
	Caller       Sound  `json:"caller_sound"`
	Callee       Sound  `json:"callee_sound"`
	Story        []Step
}

// Step is one that a Call's story tells.
type Step struct{ What, Who string }

// Sound is what came from one side of a Call.
type Sound struct {
	Codec         string
	Packets, Lost int
}

// Calls are the records of all calls, the latest first.
func (s *Server) Calls(ctx context.Context) ([]Call, error) {
	out, err := s.Tandem(ctx, "cdr", "list", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list []Call
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("reading call records: %w: %s", err, out)
	}
	return list, nil
}

// Account is an account of a user with a known password.
func (s *Server) Account(user, password string, proto phones.Proto) phones.Account {
	a := phones.Account{User: user, Password: password, Domain: Domain, Proto: proto, Port: s.Port, CA: filepath.Join(s.Dir, "data", "ca.pem")}
	if proto == phones.TLS {
		a.Port = s.TLSPort
	}
	if proto == phones.WSS {
		a.Port = s.WSSPort
	}
	return a
}

// Binding is one line of "tandem registrations list".
type Binding struct {
	Address, Contact string
	UserAgent        string `json:"user_agent"`
}

// Bindings are the registered contacts of a user, of all for "".
func (s *Server) Bindings(ctx context.Context, user string) ([]Binding, error) {
	args := []string{"registrations", "list", "-o", "json"}
	if user != "" {
		args = []string{"registrations", "show", "sip:" + user + "@" + Domain, "-o", "json"}
	}
	out, err := s.Tandem(ctx, args...)
	if err != nil {
		return nil, err
	}
	var list []Binding
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("reading registrations: %w: %s", err, out)
	}
	return list, nil
}

// Ladder is the messages of and for a user as the server saw them.
func (s *Server) Ladder(ctx context.Context, user string) string {
	out, err := s.Tandem(ctx, "trace", "--ladder", "--user", user)
	if err != nil {
		return err.Error()
	}
	return out
}

// Messages are the messages of and for a user, whole.
func (s *Server) Messages(ctx context.Context, user string) (string, error) {
	return s.Tandem(ctx, "trace", "--user", user)
}

// Kill ends it as a crash would.
func (s *Server) Kill() {
	s.process.Kill()
	s.complaints += s.process.Out.Count(disaster)
}

// Log is what it logged since it was started.
func (s *Server) Log() *process.Transcript { return &s.process.Out }

var disaster = regexp.MustCompile(`^(panic:|fatal error:|WARNING: DATA RACE)|level=ERROR`)

// Close stops it as an operator would. The error tells of a crash, a data race
// or an error in its log.
func (s *Server) Close() error {
	select {
	case <-s.process.Done():
		return fmt.Errorf("the server had ended by itself: %v\n%s", s.process.Err(), s.process.Out.Tail(60))
	default:
	}
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.process.Done():
	case <-time.After(2 * process.Patience):
		s.process.Kill()
		return fmt.Errorf("the server did not end when asked\n%s", s.process.Out.Tail(60))
	}
	if n := s.complaints + s.process.Out.Count(disaster); n > 0 {
		return fmt.Errorf("the server complained %d times\n%s", n, s.process.Out.Tail(200))
	}
	return nil
}
