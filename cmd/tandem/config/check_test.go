package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func onDisk(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tandem.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExamineFindsWhatStartingWould: files that are missing, addresses that are
// taken by the configuration itself, networks that are too large or not networks.
func TestExamineFindsWhatStartingWould(t *testing.T) {
	pem := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(pem, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	const udp = `listen: [{proto: udp, addr: "0.0.0.0:5060"`
	for text, says := range map[string]string{
		"tls: {certificate: /nowhere/a.pem, key: /nowhere/b.pem}":                              "tls.certificate: open /nowhere/a.pem",
		"tls: {certificate: " + pem + ", key: " + pem + "}":                                    "must be PEM files that belong together",
		"tls: {certificate: " + pem + "}":                                                      "give both or neither",
		udp + `}, {proto: udp, addr: "127.0.0.1:5060"}]`:                                       `1:65: listen[1].addr: udp 127.0.0.1:5060 is listened on by listen[0].addr already`,
		`listen: [{proto: tls, addr: "127.0.0.1:5061"}, {proto: wss, addr: "127.0.0.1:5061"}]`: "listen[1].addr: tcp 127.0.0.1:5061",
		`listen: [{proto: tcp, addr: "127.0.0.1:9090"}]`:                                       "http.addr: tcp 127.0.0.1:9090 is listened on by listen[0].addr already; choose another port, e.g. 9091",
		udp + `, trusted: [0.0.0.0/0]}]`:                                                       "0.0.0.0/0 trusts everybody",
		udp + `, trusted: ["::/0"]}]`:                                                          "::/0 trusts everybody",
		udp + `, trusted: [192.0.2.7/24]}]`:                                                    `"192.0.2.7/24" has bits beyond the network; write 192.0.2.0/24, or 192.0.2.7 for one address`,
	} {
		if err := Examine(onDisk(t, text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\n%v\nwant %s", text, err, says)
		}
	}
	for _, text := range []string{
		udp + `}, {proto: tcp, addr: "0.0.0.0:5060"}, {proto: udp, addr: "[::]:5060"}]`,
		udp + `, trusted: [192.0.2.0/24, 192.0.2.7, "2001:db8::/32"]}]`,
		`listen: [{proto: udp, addr: "127.0.0.1:0"}, {proto: udp, addr: "127.0.0.1:0"}]`,
	} {
		if err := Examine(onDisk(t, text)); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n"} {
		if c, err := Load(onDisk(t, text)); err != nil || len(c.Listen) != len(Default().Listen) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAllMistakesAtOnce: of spelling, of type and of meaning.
func TestAllMistakesAtOnce(t *testing.T) {
	path := onDisk(t, `domians: [a.test]
listen:
  - {proto: udp, addr: "127.0.0.1:5060", adr: x}
  - {proto: dccp, addr: "127.0.0.1:5061"}
limits: {drain: five, connections: many}
log: {level: loud}
registrar:
  max_bindings: 0
`)
	_, err := Load(path)
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{`:1:1: unknown key "domians"; did you mean "domains"?`, `:3:42: unknown key "adr"`, `:5:17: "five" is not a duration`, ":5:36: wanted here: a number",
		`:4:13: listen[1].proto: "dccp" is unknown; use`, `:6:14: log.level`, ":8:17: registrar.max_bindings"}
	for _, w := range want {
		if !strings.Contains(err.Error(), path+w) {
			t.Errorf("not told: %s in\n%v", w, err)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d lines, want %d:\n%v", len(lines), len(want), err)
	}
}

// TestAllOfAKindAtOnce: what is wrong twice is told twice, with its place.
func TestAllOfAKindAtOnce(t *testing.T) {
	for text, want := range map[string][]string{
		`domains: ["-x", a.test, "a..b", "b c"]`: {":1:11: domains[0]", ":1:25: domains[2]", ":1:33: domains[3]"},
		`names: ["a b"]`:                         {":1:9: names[0]"},
		`data: ""`:                               {`:1:7: data: empty; name a folder, e.g.`},
		`listen: [{proto: udp, addr: x, advertise: "a b", loops: -1, trusted: [10.1.2.3/8, "::/0"]}]`: {":1:29: listen[0].addr", ":1:43: listen[0].advertise", ":1:57: listen[0].loops",
			":1:71: listen[0].trusted[0]", ":1:83: listen[0].trusted[1]"},
		`dns: {servers: [1.1.1.1, "[::1]:53", x]}`:                                  {`:1:17: dns.servers[0]: "1.1.1.1" is not host:port; write it as 192.0.2.53:53`, ":1:38: dns.servers[2]"},
		`http: {addr: nonsense}`:                                                    {":1:14: http.addr"},
		`limits: {connections: -1, transactions: 0, message_bytes: 10, memory: -1}`: {":1:23: limits.connections: has -1; must be at least 1, e.g. 100000", "limits.transactions", "limits.message_bytes", "limits.memory: has -1; must be at least 0 (none)"},
		`media: {workers: -3, dscp: 99, converters: -1}`:                            {"media.workers", "media.converters", "media.dscp"},
		`auth: {nonce_life: -5s}`:                                                   {"auth.nonce_life: has -5s; must be at least 1s, e.g. 5m"},
		`numbers: {country: DE, sites: [{site: Rome, area: x}, {site: " rome"}, {area: 89}, {site: Paris, country: XX}]}`: {
			`numbers.sites[0]: site Rome: area "x"`, `numbers.sites[1].site: " rome"`, `numbers.sites[2].site: ""`, `country "XX" is unknown`},
		`numbers: {country: XX, area: abc, emergency: [x1x, 112]}`:  {`country "XX" is unknown`, `area "abc"`, `emergency number "x1x"`},
		`messages: {deliver: never, octets: 0, burst: 0}`:           {"messages.deliver", "messages.octets", "messages.rate"},
		`phones: {https: "127.0.0.1:9443", http: "127.0.0.1:9443"}`: {":1:41: phones.http: tcp 127.0.0.1:9443 is listened on by phones.https already"},
		`phones: {pickup: "*7", park: "", intercom: "*80", paging: "81"}`: {`:1:18: phones.pickup: "*7" is no code of this server, so that the keys of all phones would be dead; write "**", or leave it out`,
			`phones.park: "" is no code`, `phones.paging: "81" is no code`},
		"routes:\n  - {name: a, match: {domain: a.test}, next_hop: \"sip:[::1\"}\n  - {name: b, match: {domain: b.test}, next_hop: []}\n  - {match: {}, next_hop: sip:c.test}\n": {
			`:2:5: routes[0]: static route "a": next_hop`, `:3:5: routes[1]: static route "b": next_hop is empty: set a SIP URI such as`, `:4:5: routes[2]: static route "3": match is empty`},
	} {
		_, err := Load(onDisk(t, text))
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: not told: %s in\n%v", text, w, err)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(want) {
			t.Errorf("%s: %d lines, want %d:\n%v", text, n, len(want), err)
		}
	}
}

// TestNumbersKeepTheirText: a telephone number is not an integer, though YAML reads
// it as one.
func TestNumbersKeepTheirText(t *testing.T) {
	c, err := Load(onDisk(t, "numbers: {country: DE, area: 030, outside: 0, emergency: [112, 0800]}\nlimits: {connections: 1000}\n"))
	if err != nil || c.Numbers.Area != "030" || c.Numbers.Outside != "0" || strings.Join(c.Numbers.Emergency, " ") != "112 0800" || c.Limits.Connections != 1000 {
		t.Errorf("%+v, %v", c.Numbers, err)
	}
	cfg := Default()
	if err := parsed([]byte("routes: [{name: a, match: {prefix: +49}, next_hop: sip:gw.test}]"), &cfg); err != nil || cfg.Routes[0].Match.Prefix != "+49" {
		t.Errorf("prefix %q, %v", cfg.Routes[0].Match.Prefix, err)
	}
}

// parsed is parse with all mistakes in one error.
func parsed(b []byte, c *Config) error { return errors.Join(parse(b, c)...) }
