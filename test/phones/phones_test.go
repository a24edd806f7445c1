package phones

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
	"tandem/interop/boot"
	"tandem/interop/device"
	"tandem/interop/wire"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/sipphone"
	"tandem/test/harness"
)

// office is a server that desk phones boot from.
type office struct {
	*server.Server
	t      *testing.T
	log    *logged
	client http.Client
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newOffice(t *testing.T, change func(*config.Config)) *office {
	t.Helper()
	o := &office{t: t, log: &logged{}}
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"example.com"}, t.TempDir(), ""
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}, {Proto: "tcp", Addr: "127.0.0.1:0"}, {Proto: "tls", Addr: "127.0.0.1:0"}}
	cfg.Telephony.AllCalls = false
	cfg.Phones.HTTPS, cfg.Phones.HTTP, cfg.Phones.TFTP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	var err error
	if o.Server, err = server.New(t.Context(), cfg, server.Options{Log: slog.New(slog.NewTextHandler(o.log, nil))}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	t.Cleanup(func() {
		o.client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	o.client.Transport = &http.Transport{TLSClientConfig: o.tls()}
	o.client.Timeout = 2 * harness.Patience
	return o
}

func (o *office) tls() *tls.Config {
	return &tls.Config{RootCAs: o.roots("ca"), ServerName: "example.com"}
}

// roots are those of a CA of the data folder.
func (o *office) roots(name string) *x509.CertPool {
	b, err := os.ReadFile(filepath.Join(o.Config().Data, name+".pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	return pool
}

func (o *office) user(name string) {
	o.t.Helper()
	if _, err := o.Directory().Add(o.t.Context(), directory.AddUser{AOR: rtc.AOR("sip:" + name + "@example.com"), DisplayName: strings.ToUpper(name[:1]) + name[1:] + ` "<&>"`}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) phone(mac, family string, keys []sipphone.Key, users ...string) {
	o.t.Helper()
	p := sipphone.Phone{MAC: sipphone.MAC(mac), Family: family, Label: "Lobby", Keys: keys}
	for _, u := range users {
		p.Lines = append(p.Lines, sipphone.Line{User: rtc.AOR("sip:" + u + "@example.com")})
	}
	if err := o.Phones().Inventory.Add(o.t.Context(), p); err != nil {
		o.t.Fatal(err)
	}
}

// ask asks for a file by a way and tells status and content.
func (o *office) ask(way, path, agent string, change ...func(*http.Request)) (int, string) {
	o.t.Helper()
	return o.send(http.MethodGet, way, path, agent, nil, change...)
}

// send sends a request to where files are.
func (o *office) send(method, way, path, agent string, body []byte, change ...func(*http.Request)) (int, string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, strings.TrimSuffix(way, "-old")+"://"+o.PhoneFiles(way)+"/"+path, bytes.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("User-Agent", agent)
	for _, f := range change {
		f(req)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

// get fetches as a booting phone does.
func (o *office) get(p *boot.Phone, mac string, change ...func(*http.Request)) boot.Ask {
	return func(ctx context.Context, path string, message []byte) ([]byte, error) {
		if p.TFTP {
			return boot.TFTP(ctx, o.PhoneFiles("tftp"), path)
		}
		method := http.MethodGet
		if message != nil {
			method = http.MethodPost
		}
		code, text := o.send(method, "https", path, p.UserAgent(mac), message, change...)
		switch code {
		case http.StatusOK:
			return []byte(text), nil
		case http.StatusNotFound:
			return nil, boot.ErrMissing
		}
		return nil, fmt.Errorf("%d %s", code, text)
	}
}

// TestEveryFamilyBoots: a phone of each family asks for its files in its order,
// reads them by its own grammar, and registers both lines in its own spelling.
func TestEveryFamilyBoots(t *testing.T) {
	o := newOffice(t, func(c *config.Config) {
		c.Registrar.MaxBindings = 32
		c.Phones.Language, c.Phones.Timezone, c.Phones.OldTLS = "de", "Europe/Berlin", "127.0.0.1:0"
		putFirmware(t, c.Data)
	})
	o.user("alice")
	o.user("sales")
	dialects, err := device.Dialects()
	if err != nil {
		t.Fatal(err)
	}
	keys := []sipphone.Key{{Kind: sipphone.KeyLamp, Target: "bob", Label: `Bob & "Co" <1>`}, {Kind: sipphone.KeySpeedDial, Target: "0301234"}}
	for i, p := range boot.Phones() {
		t.Run(p.Family, func(t *testing.T) {
			mac := fmt.Sprintf("0004f20000%02x", i+1)
			o.phone(mac, p.Family, keys, "alice", "sales")
			o.model(mac, wanted[p.Family].model)
			setup, err := p.Boot(t.Context(), mac, o.get(&p, mac))
			if err != nil {
				t.Fatal(err)
			}
			if len(setup.Accounts) != 2 || setup.Accounts[0].User != "alice" || setup.Accounts[1].User != "sales" {
				t.Fatalf("lines %+v", setup.Accounts)
			}
			wantKeys(t, p.Family, setup.Keys)
			o.isTold(t, mac, &p, setup)
			d := dialects[slices.IndexFunc(dialects, func(d *device.Dialect) bool { return d.Name == p.Dialect })]
			for _, a := range setup.Accounts {
				o.register(t, d, a)
			}
			phone, err := o.Phones().Inventory.Get(sipphone.MAC(mac))
			if err != nil {
				t.Fatal(err)
			}
			if got := o.Phones().Registered(&phone); !slices.Equal(got, []bool{true, true}) {
				t.Errorf("registered lines %v", got)
			}
			if strings.HasPrefix(p.Family, "cisco-") && p.Family != "cisco-7960" { // whose oldest says neither
				o.isKnown(t, phone.MAC)
			}
			diff := ""
			if !harness.Holds(func() bool {
				diff, err = o.Phones().Desk.Diff(t.Context(), phone.MAC)
				return diff == "" && err == nil
			}) {
				t.Errorf("it has its files, and yet they differ (%v):\n%s", err, diff)
			}
			o.noSecret(t, setup)
		})
	}
}

// wantKeys: the label with quotes and brackets came through as far as the grammar
// of the family has room for it.
func wantKeys(t *testing.T, family string, keys []boot.Key) {
	t.Helper()
	switch family {
	case "gigaset", "patton":
		return // they have none
	}
	if len(keys) != 2 {
		t.Fatalf("keys %+v", keys)
	}
	lamp := boot.Key{Kind: "lamp", Target: "bob", Label: `Bob & "Co" <1>`}
	if family == "cisco-7960" {
		lamp = boot.Key{Kind: "dial", Target: "bob", Label: "Bob & Co 1"}
	}
	if keys[0] != lamp || keys[1].Kind != "dial" || keys[1].Target != "0301234" {
		t.Errorf("keys %+v", keys)
	}
}

// register registers a line as the device spells it.
func (o *office) register(t *testing.T, d *device.Dialect, a boot.Account) {
	t.Helper()
	proto := a.Transport
	if !slices.Contains(d.Over, proto) && d.Name != "plain" {
		proto = d.Over[0] // the device we have words of; the account is tried all the same
	}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.Port))
	if proto != a.Transport {
		to = netip.AddrPortFrom(to.Addr(), uint16(o.Phones().Place().Ports[proto]))
	}
	end, err := wire.Open(t.Context(), strings.ToUpper(proto), netip.MustParseAddr("127.0.0.1"), to, o.tls())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	if a.Login != a.User || a.Host != "127.0.0.1" {
		t.Fatalf("account %+v", a)
	}
	if err := device.New(d, end, device.Identity{User: a.User, Password: a.Password, Domain: a.Domain}, harness.Patience).Register(t.Context()); err != nil {
		t.Errorf("%s over %s: %v", a.User, proto, err)
	}
}

// noSecret: the log names no password that the phone found.
func (o *office) noSecret(t *testing.T, s boot.Setup) {
	t.Helper()
	log := o.log.String()
	secrets := []string{s.Password}
	for _, a := range s.Accounts {
		secrets = append(secrets, a.Password)
	}
	for _, secret := range secrets {
		if secret != "" && (len(secret) != 26 || strings.Contains(log, secret)) {
			t.Errorf("%q is in the log, or is not a secret", secret)
		}
	}
}
