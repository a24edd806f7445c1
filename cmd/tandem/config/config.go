package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/pint/fax"
	"tandem/rtc/auth"
	"tandem/rtc/proxy"
)

// Config is tandem.yaml. Every field has a default; unknown keys are errors.
// Users, devices and bindings live in the store, not here.
type Config struct {
	Domains   []string      `yaml:"domains" json:"domains"`
	Names     []string      `yaml:"names" json:"names,omitempty"`
	Data      string        `yaml:"data" json:"data"`
	Store     string        `yaml:"store" json:"store,omitempty"`
	Listen    []Listen      `yaml:"listen" json:"listen"`
	TLS       TLS           `yaml:"tls" json:"tls"`
	Auth      Auth          `yaml:"auth" json:"auth"`
	Registrar Registrar     `yaml:"registrar" json:"registrar"`
	Proxy     Proxy         `yaml:"proxy" json:"proxy"`
	Routes    []proxy.Route `yaml:"routes" json:"routes"`
	Telephony Telephony     `yaml:"telephony" json:"telephony"`
	Numbers   Numbers       `yaml:"numbers" json:"numbers"`
	Emergency Emergency     `yaml:"emergency" json:"emergency,omitempty"`
	Events    Events        `yaml:"events" json:"events"`
	Presence  Presence      `yaml:"presence" json:"presence"`
	Messages  Messages      `yaml:"messages" json:"messages"`
	PINT      PINT          `yaml:"pint" json:"pint"`
	Media     Media         `yaml:"media" json:"media"`
	Phones    Phones        `yaml:"phones" json:"phones"`
	DNS       DNS           `yaml:"dns" json:"dns"`
	HTTP      HTTP          `yaml:"http" json:"http"`
	API       API           `yaml:"api" json:"api"`
	Log       Log           `yaml:"log" json:"log"`
	Limits    Limits        `yaml:"limits" json:"limits"`
	Trace     Trace         `yaml:"trace" json:"trace"`
}

// Listen is one listening address.
type Listen struct {
	Proto     string   `yaml:"proto" json:"proto" jsonschema:"enum=udp,enum=tcp,enum=tls,enum=ws,enum=wss"`
	Addr      string   `yaml:"addr" json:"addr"`
	Advertise string   `yaml:"advertise" json:"advertise,omitempty"`
	Trusted   []string `yaml:"trusted" json:"trusted,omitempty"`
	Origins   []string `yaml:"origins" json:"origins,omitempty"`
	ClientCA  string   `yaml:"client_ca" json:"client_ca,omitempty"`
	Loops     int      `yaml:"loops" json:"loops,omitempty"`
}

// TLS names the server certificate.
type TLS struct {
	Certificate string `yaml:"certificate" json:"certificate,omitempty"`
	Key         string `yaml:"key" json:"key,omitempty"`
	OldCiphers  bool   `yaml:"old_ciphers" json:"old_ciphers"`
}

// Auth is who must prove what.
type Auth struct {
	Algorithms   []string      `yaml:"algorithms" json:"algorithms"`
	MD5Agents    []string      `yaml:"md5_agents" json:"md5_agents"`
	URIAgents    []string      `yaml:"uri_agents" json:"uri_agents"`
	QopInt       bool          `yaml:"auth_int" json:"auth_int"`
	NonceLife    time.Duration `yaml:"nonce_life" json:"nonce_life"`
	AllowForeign bool          `yaml:"allow_foreign" json:"allow_foreign"`
}

// Registrar bounds registrations (RFC 3261 §10.3).
type Registrar struct {
	MinExpires     time.Duration `yaml:"min_expires" json:"min_expires"`
	MaxExpires     time.Duration `yaml:"max_expires" json:"max_expires"`
	DefaultExpires time.Duration `yaml:"default_expires" json:"default_expires"`
	ConnExpires    time.Duration `yaml:"connection_expires" json:"connection_expires"`
	MaxBindings    int           `yaml:"max_bindings" json:"max_bindings"`
	Qualify        time.Duration `yaml:"qualify" json:"qualify"`
	ServiceRoute   string        `yaml:"service_route" json:"service_route,omitempty"`
}

// Proxy is how calls are forwarded (RFC 3261 §16).
type Proxy struct {
	TimerC           time.Duration `yaml:"timer_c" json:"timer_c"`
	Failover         time.Duration `yaml:"failover" json:"failover"`
	MaxForks         int           `yaml:"max_forks" json:"max_forks"`
	DiversionOfUsers bool          `yaml:"diversion_of_users" json:"diversion_of_users"`
	UsersTo          []string      `yaml:"users_to" json:"users_to,omitempty"`
	RecurseRedirect  bool          `yaml:"recurse_redirect" json:"recurse_redirect"`
}

// DNS is where names are resolved.
type DNS struct {
	Servers []string `yaml:"servers" json:"servers,omitempty"`
}

// HTTP is the address of metrics and health.
type HTTP struct {
	Addr string `yaml:"addr" json:"addr"`
}

// Log is how much is told.
type Log struct {
	Level  string `yaml:"level" json:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	Format string `yaml:"format" json:"format" jsonschema:"enum=text,enum=json"`
}

// Limits bound what peers can make the server hold.
type Limits struct {
	Connections      int           `yaml:"connections" json:"connections"`
	ConnectionsPerIP int           `yaml:"connections_per_ip" json:"connections_per_ip"`
	MessageBytes     int           `yaml:"message_bytes" json:"message_bytes"`
	MultipartBytes   int           `yaml:"multipart_bytes" json:"multipart_bytes"`
	Transactions     int           `yaml:"transactions" json:"transactions"`
	AbsorbBytes      int           `yaml:"absorb_bytes" json:"absorb_bytes"`
	Drain            time.Duration `yaml:"drain" json:"drain"`
	Memory           int64         `yaml:"memory" json:"memory"`
}

// Trace is the ring of recent messages behind "tandem trace".
type Trace struct {
	Bytes int `yaml:"bytes" json:"bytes"`
}

// Default is the configuration without a file.
func Default() Config {
	return Config{
		Domains: []string{"localhost"},
		Data:    "var",
		Listen: []Listen{
			{Proto: "udp", Addr: "0.0.0.0:5060"},
			{Proto: "tcp", Addr: "0.0.0.0:5060"},
			{Proto: "tls", Addr: "0.0.0.0:5061"},
			{Proto: "wss", Addr: "0.0.0.0:8443"},
		},
		Auth:      Auth{Algorithms: []string{"SHA-256", "MD5"}, MD5Agents: auth.MD5Agents(), URIAgents: auth.URIAgents(), NonceLife: 5 * time.Minute},
		Registrar: Registrar{MinExpires: time.Minute, MaxExpires: time.Hour, DefaultExpires: time.Hour, ConnExpires: 10 * time.Minute, MaxBindings: 10},
		Proxy:     Proxy{TimerC: 3*time.Minute + 10*time.Second, Failover: 4 * time.Second, MaxForks: 20},
		Telephony: Telephony{AllCalls: true, Calls: 4000, RingTime: 3 * time.Minute, Failover: 20 * time.Second, SessionTimer: 30 * time.Minute, Reconnect: 20 * time.Second, ParkTime: 3 * time.Minute},
		Events:    Events{Subscriptions: 1_000_000, PerUser: 1000, PerResource: 10_000, PerList: 2000, UnderWay: 512},
		Presence:  Presence{Interval: 5 * time.Second, Publications: 20, BodyBytes: 16 << 10, Unknown: "allow"},
		PINT:      PINT{Keep: 7 * 24 * time.Hour, Sessions: 20_000, Fax: PINTFax{Types: fax.Types(), Time: 30 * time.Minute}},
		Media:     Media{Ports: "16384-32767", Kernel: "auto", DSCP: 46, Idle: time.Minute},
		Phones:    defaultPhones(),
		Messages:  Messages{Deliver: "all", Copies: true, Strangers: "deliver", Keep: 7 * 24 * time.Hour, Octets: 60000, Mailbox: 2000, Bytes: 4 << 20, Rate: 10, Burst: 100},
		HTTP:      HTTP{Addr: "127.0.0.1:9090"},
		API:       API{KeepAudit: 400 * 24 * time.Hour},
		Log:       Log{Level: "info", Format: "text"},
		Limits: Limits{Connections: 100000, ConnectionsPerIP: 1000, MessageBytes: 65535, MultipartBytes: 1 << 20,
			Transactions: 500000, AbsorbBytes: 64 << 20, Drain: 30 * time.Second},
		Trace: Trace{Bytes: 8 << 20},
	}
}

// StoreURL is where the store is.
func (c *Config) StoreURL() string {
	if c.Store != "" {
		return c.Store
	}
	return "sqlite://" + filepath.Join(c.Data, "tandem.db")
}

// Socket is the path of the control socket.
func (c *Config) Socket() string { return filepath.Join(c.Data, "tandem.sock") }

// fault is what is wrong with one key.
type fault struct {
	key string // as in "listen[0].addr"
	err error  // says what is wrong and what to do
}

func (f fault) Error() string { return f.key + ": " + f.err.Error() }

// Check finds what the syntax does not show.
func (c *Config) Check() error {
	var errs []error
	for _, f := range c.faults() {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

func (c *Config) faults() []fault {
	var faults []fault
	bad := func(key, format string, args ...any) {
		faults = append(faults, fault{key, fmt.Errorf(format, args...)})
	}
	c.placeFaults(bad)
	c.coreFaults(bad)
	c.boundFaults(bad)
	c.callFaults(bad)
	c.presenceFaults(bad)
	c.emergencyFaults(bad)
	c.PINT.faults(bad)
	c.Numbers.faults(bad)
	c.Messages.faults(bad)
	c.API.faults(bad)
	c.Phones.faults(bad)
	return faults
}

// placeFaults finds what is wrong with names and addresses of the server.
func (c *Config) placeFaults(bad func(key, format string, args ...any)) {
	if len(c.Domains) == 0 {
		bad("domains", "empty; name at least one SIP domain, e.g. domains: [example.com]")
	}
	for i, d := range c.Domains {
		if !isHost(d) {
			bad(fmt.Sprintf("domains[%d]", i), "%q is not a domain name; write it as example.com", d)
		}
	}
	for i, d := range c.Names {
		if !isHost(d) {
			bad(fmt.Sprintf("names[%d]", i), "%q is not a name or address; write it as sip.example.com", d)
		}
	}
	if c.Data == "" {
		bad("data", "empty; name a folder, e.g. /var/lib/tandem")
	}
	if len(c.Listen) == 0 {
		bad("listen", "empty; give at least one address, e.g. - {proto: udp, addr: \"0.0.0.0:5060\"}")
	}
	for i := range c.Listen {
		c.Listen[i].faults(func(key, format string, args ...any) { bad(fmt.Sprintf("listen[%d].%s", i, key), format, args...) })
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		bad("tls", "certificate and key go together; give both or neither, e.g. tls: {certificate: /etc/tandem/sip.pem, key: /etc/tandem/sip-key.pem}")
	}
	for i, a := range c.DNS.Servers {
		if !isHostPort(a) {
			bad(fmt.Sprintf("dns.servers[%d]", i), "%q is not host:port; write it as 192.0.2.53:53", a)
		}
	}
	if c.HTTP.Addr != "" && !isHostPort(c.HTTP.Addr) {
		bad("http.addr", "%q is not host:port; write it as 127.0.0.1:9090, or \"\" for none", c.HTTP.Addr)
	}
	c.doubleFaults(bad)
}

// coreFaults finds what is wrong with who may register and where requests go.
func (c *Config) coreFaults(bad func(key, format string, args ...any)) {
	for _, a := range c.Auth.Algorithms {
		if a != "MD5" && a != "SHA-256" && a != "SHA-512-256" {
			bad("auth.algorithms", "%q is unknown; use SHA-512-256, SHA-256 or MD5", a)
		}
	}
	if len(c.Auth.Algorithms) == 0 {
		bad("auth.algorithms", "empty; nobody could register")
	}
	if r := c.Registrar; r.MinExpires < time.Second || r.MaxExpires < r.MinExpires || r.DefaultExpires < r.MinExpires || r.DefaultExpires > r.MaxExpires {
		bad("registrar", "needs 1s <= min_expires <= default_expires <= max_expires, has %s, %s, %s", r.MinExpires, r.DefaultExpires, r.MaxExpires)
	}
	if d := c.Registrar.ConnExpires; d != 0 && d < c.Registrar.MinExpires {
		bad("registrar.connection_expires", "has %s, less than registrar.min_expires, which is %s; use 10m, or 0 for as long as others", d, c.Registrar.MinExpires)
	}
	if d := c.Registrar.Qualify; d != 0 && d < 10*time.Second {
		bad("registrar.qualify", "has %s; use 10s or more, or 0 to ask nobody", d)
	}
	if c.Proxy.Failover < 500*time.Millisecond {
		bad("proxy.failover", "has %s; less than 500ms lets no next hop answer a repeated request", c.Proxy.Failover)
	}
	if _, err := Prefixes(c.Proxy.UsersTo); err != nil {
		bad("proxy.users_to", "%w", err)
	}
	for i, r := range c.Routes {
		if err := r.Check(); err != nil {
			bad(fmt.Sprintf("routes[%d]", i), "static route %q: %w", cmp.Or(r.Name, fmt.Sprint(i+1)), err)
		}
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level", "%q is unknown; use debug, info, warn or error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format", "%q is unknown; use text or json", c.Log.Format)
	}
}

// faults are those of one listening address.
func (l *Listen) faults(bad func(key, format string, args ...any)) {
	switch l.Proto {
	case "udp", "tcp", "ws":
	case "tls", "wss":
		if l.ClientCA != "" {
			if _, err := os.Stat(l.ClientCA); err != nil {
				bad("client_ca", "%w; it must be a readable PEM file", err)
			}
		}
	default:
		bad("proto", "%q is unknown; use udp, tcp, tls, ws or wss", l.Proto)
	}
	if _, err := l.AddrPort(); err != nil {
		bad("addr", "%w", err)
	}
	if l.Advertise != "" && !isHost(l.Advertise) && !isHostPort(l.Advertise) {
		bad("advertise", "%q is not an address or name; write it as 203.0.113.7 or sip.example.com", l.Advertise)
	}
	if l.Loops < 0 {
		bad("loops", "has %d; use 1 or more, or 0 for one a core", l.Loops)
	}
	for i, s := range l.Trusted {
		list, err := Prefixes([]string{s})
		if err == nil {
			err = everybody(list)
		}
		if err != nil {
			bad(fmt.Sprintf("trusted[%d]", i), "%w", err)
		}
	}
}

// AddrPort is where it listens.
func (l *Listen) AddrPort() (netip.AddrPort, error) {
	a := l.Addr
	if strings.HasPrefix(a, ":") {
		a = "0.0.0.0" + a
	}
	ap, err := netip.ParseAddrPort(a)
	if err != nil {
		return ap, fmt.Errorf("%q is not host:port with a numeric host (IPv6 in brackets), e.g. \"0.0.0.0:5060\"", l.Addr)
	}
	return ap, nil
}

// Prefixes are those whose requests are trusted.
func (l *Listen) Prefixes() ([]netip.Prefix, error) { return Prefixes(l.Trusted) }
