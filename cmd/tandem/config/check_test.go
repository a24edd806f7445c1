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

// TestNumbersKeepTheirText: a telephone number is not an integer, though YAML reads
// it as one.
func TestNumbersKeepTheirText(t *testing.T) {
	c, err := Load(onDisk(t, "numbers: {area: 030, outside: 0, emergency: [+49110, 112, 0800]}\nlimits: {connections: 1000}\n"))
	if err == nil && (c.Numbers.Area != "030" || c.Numbers.Outside != "0" || strings.Join(c.Numbers.Emergency, " ") != "+49110 112 0800" || c.Limits.Connections != 1000) {
		t.Errorf("%+v", c.Numbers)
	}
	if err != nil && !strings.Contains(err.Error(), "numbers") {
		t.Error(err)
	}
	cfg := Default()
	if err := parsed([]byte("routes: [{name: a, match: {prefix: +49}, next_hop: sip:gw.test}]"), &cfg); err != nil || cfg.Routes[0].Match.Prefix != "+49" {
		t.Errorf("prefix %q, %v", cfg.Routes[0].Match.Prefix, err)
	}
}

// parsed is parse with all mistakes in one error.
func parsed(b []byte, c *Config) error { return errors.Join(parse(b, c)...) }
