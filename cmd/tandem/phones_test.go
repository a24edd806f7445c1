package main

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
)

// office is a server of desk phones beside command lines.
type office struct {
	*cli
	files string // where phones get their files over HTTPS
}

func newPhoneOffice(t *testing.T) *office {
	t.Helper()
	o := &office{cli: newCLI(t)}
	text := "domains: [example.com]\ndata: " + o.data + `
listen: [{proto: udp, addr: "127.0.0.1:0"}]
http: {addr: ""}
phones: {https: "127.0.0.1:0", http: "127.0.0.1:0", tftp: "127.0.0.1:0", url: "https://pbx.example.com:8445", host: pbx.example.com}
`
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(o.config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), cfg, server.Options{Path: o.config, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	await(t, "the control socket", func() bool { _, err := os.Stat(filepath.Join(o.data, "tandem.sock")); return err == nil })
	o.files = "https://" + s.PhoneFiles("https") + "/"
	return o
}

// ask asks for a file as a phone does.
func (o *office) ask(path, agent string) (int, string) {
	o.t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the server is ours
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.files+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("User-Agent", agent)
	resp, err := client.Do(r)
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

// fails runs a command line that must fail, and whose message must say that.
func (o *office) fails(says string, args ...string) {
	o.t.Helper()
	if out, code, err := o.run(args...); code == 0 || err == nil || !strings.Contains(out+err.Error(), says) {
		o.t.Errorf("tandem %s: %d %v, want %q", strings.Join(args, " "), code, err, says)
	}
}

// fields are the cells of each line of a table.
func fields(table string) (rows [][]string) {
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Fields(line))
	}
	return rows
}

const (
	polycomMAC   = "0004f2000001"
	polycomAgent = "FileTransport PolycomVVX-VVX_450-UA/5.9.5.0614 (" + polycomMAC + ") Type/Application"
)

// TestAdopt: a device that asked for files stands in the inbox with what it said of
// itself. One command makes it a phone with a line, it gets its files then, and what
// preview shows of them is what it gets, without the secrets.
func TestAdopt(t *testing.T) {
	o := newPhoneOffice(t)
	o.ok("users", "add", "alice", "--password", "a secret of theirs", "--display", "Alice Smith")
	if code, _ := o.ask(polycomMAC+".cfg", polycomAgent); code != http.StatusNotFound {
		t.Fatalf("before it is adopted: %d", code)
	}
	rows := fields(o.ok("phones", "list", "--inbox"))
	if len(rows) != 2 || !slices.Equal(rows[1][:5], []string{"00:04:f2:00:00:01", "polycom", "VVX_450", "127.0.0.1", polycomMAC + ".cfg"}) {
		t.Fatalf("inbox %q", rows)
	}
	o.fails("is not in the inbox", "phones", "adopt", "0004f2000002", "--line", "alice")
	o.fails("nobody", "phones", "adopt", polycomMAC, "--line", "nobody")
	out := o.ok("phones", "adopt", "00-04-F2-00-00-01", "--line", "alice:Alice", "--key", "lamp:bob:Bob")
	for _, line := range []string{"family polycom", "model VVX_450", "state new", "line 1 sip:alice@example.com (Alice)", "key 1 lamp:bob:Bob", "window open until"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if rows := fields(o.ok("phones", "list", "--inbox")); len(rows) != 1 {
		t.Errorf("it is adopted, and in the inbox: %q", rows)
	}
	o.fails("exists", "phones", "add", polycomMAC)

	const lines = polycomMAC + "-line.cfg"
	shown := o.ok("phones", "preview", polycomMAC, strings.ToUpper(lines))
	secret := regexp.MustCompile(`"[a-z0-9]{26}"`)
	if !strings.HasPrefix(shown, "== "+lines+"\n") || strings.Count(shown, "== ") != 1 || secret.MatchString(shown) || !strings.Contains(shown, "(secret ") {
		t.Errorf("preview of one file:\n%s", shown)
	}
	all := o.ok("phones", "preview", polycomMAC)
	names := regexp.MustCompile(`(?m)^== (\S+)$`).FindAllStringSubmatch(all, -1)
	if len(names) != 4 || names[0][1] != polycomMAC+".cfg" || secret.MatchString(all) {
		t.Errorf("preview of all files: %q", names)
	}
	code, got := o.ask(lines, polycomAgent)
	mark := regexp.MustCompile(`\(secret [0-9a-f]+\)`)
	if code != http.StatusOK || mark.ReplaceAllString(strings.TrimPrefix(shown, "== "+lines+"\n"), "*") != secret.ReplaceAllString(got, `"*"`)+"\n" {
		t.Errorf("what it gets is not what was shown: %d\n%s", code, got)
	}
	if rows := fields(o.ok("phones", "list")); len(rows) != 2 || rows[1][3] != "fetched" {
		t.Errorf("phones %q", rows)
	}
	o.fails("no such", "phones", "preview", "0004f2000002")
}

// TestPhonesInAndOut: what export writes, import reads, and all is as before: lines that
// are shared, too. An import with one mistake adds nobody.
func TestPhonesInAndOut(t *testing.T) {
	o := newPhoneOffice(t)
	for _, u := range []string{"alice", "sales"} {
		o.ok("users", "add", u, "--password", "a secret of theirs")
	}
	file := filepath.Join(t.TempDir(), "phones.csv")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "\ufeffMAC;lines;shared;keys;family;label;settings\r\n00-15-65-12-34-56;alice|sales:Sales;sales;lamp:bob:Bob|park:701;;\"Lobby; \"\"left\"\"\";x=1\r\n"
	write(good + "0004f2000001;nobody;;;;;\r\n")
	o.fails("nobody", "phones", "import", file)
	write(good + "0004f2000001;alice;;lamp;;;\r\n")
	o.fails("line 3", "phones", "import", file)
	write(good + "001565123456;alice;;;;;\r\n")
	o.fails("exists", "phones", "import", file)
	if rows := fields(o.ok("phones", "list")); len(rows) != 1 {
		t.Fatalf("after imports with mistakes: %q", rows)
	}
	write(good + "0004f2000001;alice;;;;;\r\n")
	if out := o.ok("phones", "import", file); out != "2 phones added\n" {
		t.Errorf("%q", out)
	}
	first := o.ok("phones", "export")
	const want = `mac,family,model,label,site,timezone,language,lines,shared,keys,settings
00:04:f2:00:00:01,polycom,,,,,,alice@example.com,,,
00:15:65:12:34:56,yealink,,"Lobby; ""left""",,,,alice@example.com|sales@example.com:Sales,sales@example.com,lamp:bob:Bob|park:701,x=1
`
	if first != want {
		t.Errorf("export:\n%s", first)
	}
	for _, mac := range []string{"0004f2000001", "001565123456"} {
		o.ok("phones", "remove", mac)
	}
	write(first)
	o.ok("phones", "import", file)
	if again := o.ok("phones", "export"); again != first {
		t.Errorf("after export and import:\n%s", again)
	}
}

// TestDHCP: the options lead each family to where its files are: to the URL, to the host
// of TFTP, and Unify's to its deployment service.
func TestDHCP(t *testing.T) {
	o := newPhoneOffice(t)
	rows := fields(o.ok("phones", "dhcp"))
	if !slices.Equal(rows[0], []string{"OPTION", "FAMILY", "VALUE"}) || !slices.IsSortedFunc(rows[1:], func(a, b []string) int { return strings.Compare(pad(a[0]), pad(b[0])) }) {
		t.Errorf("%q", rows)
	}
	for _, want := range []string{"43 unify 1=Siemens 3=sdlp://pbx.example.com:8445", "66 yealink https://pbx.example.com:8445/", "66 cisco-7960 pbx.example.com",
		"150 cisco-enterprise pbx.example.com", "160 polycom https://pbx.example.com:8445/", "159 cisco-spa https://pbx.example.com:8445/"} {
		if !slices.ContainsFunc(rows, func(row []string) bool { return strings.Join(row, " ") == want }) {
			t.Errorf("no %q in %q", want, rows)
		}
	}
}

func pad(option string) string { return strings.Repeat("0", 4-len(option)) + option }
