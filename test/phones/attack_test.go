package phones

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/interop/boot"
	"tandem/sipphone"
	"tandem/sipphone/secret"
	"tandem/test/harness"
)

const (
	alicesMAC = "001565000001"
	bobsMAC   = "001565000002"
)

func yealink(mac string) string { return "Yealink SIP-T27G 69.86.0.15 " + mac }

// twoPhones have a window that is open.
func twoPhones(t *testing.T, change func(*config.Config)) *office {
	t.Helper()
	o := newOffice(t, change)
	for user, mac := range map[string]string{"alice": alicesMAC, "bob": bobsMAC} {
		o.user(user)
		o.phone(mac, "yealink", nil, user)
	}
	return o
}

// shut closes the window of a phone.
func (o *office) shut(mac string) {
	o.t.Helper()
	if err := o.Phones().Inventory.Narrow(o.t.Context(), sipphone.MAC(mac), -time.Second); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) want(what string, code int, text string, want int) {
	o.t.Helper()
	if code != want || want != http.StatusOK && strings.Contains(text, "account.1") {
		o.t.Errorf("%s: %d %.80q, want %d", what, code, text, want)
	}
}

// TestForeignFiles: a file is given only to its phone.
func TestForeignFiles(t *testing.T) {
	o := twoPhones(t, nil)
	code, text := o.ask("https", alicesMAC+".cfg", yealink(bobsMAC))
	o.want("bob's phone asks for alice's file", code, text, 403)
	code, text = o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	o.want("within the window", code, text, 200)
	secret := between(text, "static.auto_provision.server.password = ", "\n")
	code, text = o.ask("http", alicesMAC+".cfg", yealink(alicesMAC))
	o.want("within the window, in the clear", code, text, 200)
	p, err := o.Phones().Inventory.Get(alicesMAC)
	if err != nil || time.Until(p.Window) > 11*time.Minute {
		t.Errorf("the window is open until %s after the phone got its passwords, %v", p.Window, err)
	}
	o.shut(alicesMAC)
	for _, c := range []struct {
		what, way, path, agent, user, password string
		want                                   int
	}{
		{"after the window", "https", alicesMAC + ".cfg", yealink(alicesMAC), "", "", 401},
		{"after the window, in the clear", "http", alicesMAC + ".cfg", yealink(alicesMAC), "", "", 403},
		{"with the phone's password", "https", alicesMAC + ".cfg", yealink(alicesMAC), alicesMAC, secret, 200},
		{"in another spelling", "https", "sub/" + strings.ToUpper(alicesMAC) + ".CFG", yealink("00:15:65:00:00:01"), "00-15-65-00-00-01", secret, 200},
		{"with a wrong password", "https", alicesMAC + ".cfg", yealink(alicesMAC), alicesMAC, secret + "x", 401},
		{"with the password in the clear", "http", alicesMAC + ".cfg", yealink(alicesMAC), alicesMAC, secret, 403},
		{"with alice's password for bob's file", "https", bobsMAC + ".cfg", yealink(bobsMAC), bobsMAC, secret, 401},
		{"with alice's name and password for bob's file", "https", bobsMAC + ".cfg", yealink(bobsMAC), alicesMAC, secret, 401},
		{"of a phone nobody knows", "https", "001565000009.cfg", yealink("001565000009"), "", "", 404},
		{"that its family has not", "https", "SEP" + strings.ToUpper(alicesMAC) + ".cnf.xml", yealink(alicesMAC), "", "", 404},
	} {
		var login []func(*http.Request)
		if c.password != "" {
			login = append(login, basic(c.user, c.password))
		}
		code, text := o.ask(c.way, c.path, c.agent, login...)
		o.want("a file "+c.what, code, text, c.want)
	}
	if inbox := o.Phones().Inventory.Inbox(); len(inbox) != 1 || inbox[0].MAC != "001565000009" || inbox[0].Family != "yealink" || inbox[0].Model != "T27G" {
		t.Errorf("inbox %+v", inbox)
	}
	if _, err := o.Phones().Inventory.Change(t.Context(), alicesMAC, func(p *sipphone.Phone) error { p.Generation++; return nil }); err != nil {
		t.Fatal(err)
	}
	code, text = o.ask("https", alicesMAC+".cfg", yealink(alicesMAC), basic(alicesMAC, secret))
	o.want("with the password of before", code, text, 401)
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	inside, _, _ := strings.Cut(rest, to)
	return inside
}

// TestForeignNetwork: within the window, the MAC counts only where phones are.
func TestForeignNetwork(t *testing.T) {
	o := twoPhones(t, func(c *config.Config) { c.Phones.Networks = []string{"192.0.2.0/24"} })
	code, text := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	o.want("from another network", code, text, 403)
	if _, err := boot.TFTP(t.Context(), o.PhoneFiles("tftp"), alicesMAC+".cfg"); !errors.Is(err, boot.ErrMissing) {
		t.Errorf("from another network over TFTP: %v", err)
	}
	p, _ := o.Phones().Inventory.Get(alicesMAC)
	login := o.Phones().Inventory.Secrets(&p)
	code, text = o.ask("https", alicesMAC+".cfg", yealink(alicesMAC), basic(alicesMAC, login[0]))
	o.want("with the password of the line", code, text, 403)
	key, err := os.ReadFile(filepath.Join(o.Config().Data, "key"))
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := secret.New(key)
	if err != nil {
		t.Fatal(err)
	}
	book := "phonebook/" + alicesMAC + "/" + keeper.Book(alicesMAC, p.Generation) + "/phonebook.xml"
	code, text = o.ask("https", book, "")
	o.want("the phonebook by its path, where nobody reads along", code, text, 200)
	code, text = o.ask("http", book, "")
	o.want("the same in the clear", code, text, 403)
	if _, err := boot.TFTP(t.Context(), o.PhoneFiles("tftp"), book); err == nil {
		t.Error("the same over TFTP")
	}
}

// TestClientCertificate: a maker's certificate for the MAC needs no window and no
// network; one for another MAC, or of another CA, gets nothing.
func TestClientCertificate(t *testing.T) {
	ca := newMaker(t)
	file := filepath.Join(t.TempDir(), "makers.pem")
	if err := os.WriteFile(file, ca.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	o := twoPhones(t, func(c *config.Config) {
		c.Phones.ClientCA, c.Phones.Networks = file, []string{"192.0.2.0/24"}
	})
	o.shut(alicesMAC)
	for _, c := range []struct {
		what, name string
		maker      *maker
		want       int
	}{
		{"its certificate", "T53W-" + strings.ToUpper(alicesMAC), ca, 200},
		{"with colons", "00:15:65:00:00:01", ca, 200},
		{"another phone's", bobsMAC, ca, 403},
		{"a name that is not a MAC", "example.com", ca, 403},
		{"another maker's", alicesMAC, newMaker(t), 0},
	} {
		config := o.tls()
		config.Certificates = []tls.Certificate{c.maker.sign(t, c.name)}
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		resp, err := client.Get("https://" + o.PhoneFiles("https") + "/" + alicesMAC + ".cfg")
		code := 0
		if err == nil {
			code = resp.StatusCode
			resp.Body.Close()
		}
		if code != c.want {
			t.Errorf("%s: %d %v, want %d", c.what, code, err, c.want)
		}
		client.CloseIdleConnections()
	}
}

type maker struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Maker CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &maker{c, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (m *maker) sign(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, m.cert, key.Public(), m.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestPathTricks: no spelling of a path leads out of the folder of files, or to
// another phone, over HTTP and TFTP. The octets are sent as they stand.
func TestPathTricks(t *testing.T) {
	t.Parallel() // it waits
	o := twoPhones(t, nil)
	files := filepath.Join(o.Config().Data, "phones", "files")
	if err := os.MkdirAll(filepath.Join(files, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	tricks := []string{"../key", "..%2fkey", "%2e%2e/key", "..%5ckey", "sub/../../key", "/../../key", "....//key", "sub/..%00/key", "..\\key",
		"%252e%252e%252fkey", "../../../../../../etc/passwd", "etc/passwd", "/etc/passwd", "phones/files", "sub", "sub/", ".", "..", "",
		"001565000001.cfg%00.xml", "00156500000" + "1.cfg/../001565000002.cfg", "key\r\nX: y", strings.Repeat("a/", 500), strings.Repeat("a", 5000)}
	for _, trick := range tricks {
		answer := o.rawGet(trick)
		if !strings.HasPrefix(answer, "HTTP/1.1 40") && !strings.HasPrefix(answer, "HTTP/1.1 43") && !strings.HasPrefix(answer, "HTTP/1.1 429") || strings.Contains(answer, "root:") {
			t.Errorf("HTTP %q: %.100q", trick, answer)
		}
		if b, err := boot.TFTP(t.Context(), o.PhoneFiles("tftp"), strings.ReplaceAll(trick, "\x00", "")); err == nil {
			t.Errorf("TFTP %q: %.100q", trick, b)
		}
	}
}

// rawGet asks for a path as it stands.
func (o *office) rawGet(path string) string {
	o.t.Helper()
	c, err := net.Dial("tcp", o.PhoneFiles("http"))
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(harness.Patience))
	fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	b, _ := io.ReadAll(c)
	return string(b)
}

// TestGuessing: who goes through MAC addresses is shut out and reported, and finds
// nothing though a window is open; a phone with its password still gets in.
func TestGuessing(t *testing.T) {
	o := twoPhones(t, nil)
	_, text := o.ask("https", bobsMAC+".cfg", yealink(bobsMAC))
	secret := between(text, "static.auto_provision.server.password = ", "\n")
	refused := 0
	for i := range 300 {
		code, _ := o.ask("https", fmt.Sprintf("0015651%05x.cfg", i), "")
		switch code {
		case 404:
		case 429:
			refused++
		default:
			t.Fatalf("guess %d: %d", i, code)
		}
	}
	if refused != 200 {
		t.Errorf("%d of 300 guesses refused", refused)
	}
	code, text := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	o.want("the guess that is right", code, text, 429)
	if _, err := boot.TFTP(t.Context(), o.PhoneFiles("tftp"), alicesMAC+".cfg"); err == nil {
		t.Error("the guess that is right, over TFTP")
	}
	code, text = o.ask("https", bobsMAC+".cfg", yealink(bobsMAC), basic(bobsMAC, secret))
	o.want("a phone with its password", code, text, 200)
	if !strings.Contains(o.log.String(), "requested the files of many phones") || o.Phones().Guessers() != 1 {
		t.Error("it is not reported")
	}
	if n := len(o.Phones().Inventory.Inbox()); n > 101 {
		t.Errorf("%d guesses in the inbox", n)
	}
}

// TestUploads: a phone sends its logs and gets its own files back; one that is too
// large, of another phone, or of an unknown name is refused and leaves nothing.
func TestUploads(t *testing.T) {
	o := newOffice(t, nil)
	o.user("alice")
	const mac, other = "0004f2000001", "0004f2000002"
	o.phone(mac, "polycom", nil, "alice")
	o.phone(other, "polycom", nil, "alice")
	put := func(path, agent string, body io.Reader, size int64) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+o.PhoneFiles("https")+"/"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		req.Header.Set("User-Agent", agent)
		resp, err := o.client.Do(req)
		if err != nil {
			return 0 // the server closed while we were still sending
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	agent := "FileTransport PolycomVVX-VVX_450-UA/5.9.5.0614 (" + mac + ") Type/Application"
	for _, c := range []struct {
		what, path, agent string
		body              io.Reader
		size              int64
		want              []int
	}{
		{"a log", mac + "-app.log", agent, strings.NewReader("hello"), 5, []int{201}},
		{"again", mac + "-app.log", agent, strings.NewReader("world"), 5, []int{201}},
		{"overrides", mac + "-phone.cfg", agent, strings.NewReader("<x/>"), 4, []int{201}},
		{"another phone's", other + "-app.log", agent, strings.NewReader("x"), 1, []int{403}},
		{"an unknown name", mac + "-evil.cfg", agent, strings.NewReader("x"), 1, []int{404}},
		{"its own setup", mac + "-line.cfg", agent, strings.NewReader("x"), 1, []int{404}},
		{"of somebody unknown", "0004f2000009-app.log", "", strings.NewReader("x"), 1, []int{404}},
		{"a huge one", mac + "-boot.log", agent, io.LimitReader(zeros{}, 1<<30), 1 << 30, []int{413, 0}},
		{"a huge one without a length", mac + "-boot.log", agent, io.LimitReader(zeros{}, 64<<20), -1, []int{413, 0}},
	} {
		code := put(c.path, c.agent, c.body, c.size)
		ok := false
		for _, w := range c.want {
			ok = ok || w == code
		}
		if !ok {
			t.Errorf("%s: %d, want %v", c.what, code, c.want)
		}
	}
	code, text := o.ask("https", mac+"-phone.cfg", agent)
	o.want("its overrides", code, text, 200)
	if text != "<x/>" {
		t.Errorf("overrides %q", text)
	}
	var names []string
	dir := filepath.Join(o.Config().Data, "phones", "uploads")
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, _ error) error {
		if info != nil && !info.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return nil
	})
	if got := strings.Join(names, " "); got != mac+"/"+mac+"-app.log "+mac+"/"+mac+"-phone.cfg" {
		t.Errorf("kept %s", got)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, mac, mac+"-app.log")); string(b) != "world" {
		t.Errorf("kept %q", b)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestTFTPAmplification: what a refused request gets is smaller than the request,
// and one who says nothing more to a granted one gets little.
func TestTFTPAmplification(t *testing.T) {
	t.Parallel() // it waits
	o := twoPhones(t, nil)
	to, err := net.ResolveUDPAddr("udp", o.PhoneFiles("tftp"))
	if err != nil {
		t.Fatal(err)
	}
	victim := func(request string, first, wait time.Duration) (got int) { // it waits for the first octets, and for more
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Error(err)
			return 0
		}
		defer c.Close()
		if _, err := c.WriteToUDP([]byte(request), to); err != nil {
			t.Error(err)
			return 0
		}
		buf := make([]byte, 65536)
		_ = c.SetReadDeadline(time.Now().Add(max(wait, first)))
		for {
			n, _, err := c.ReadFromUDP(buf)
			if err != nil {
				return got
			}
			if got == 0 {
				_ = c.SetReadDeadline(time.Now().Add(wait))
			}
			got += n
		}
	}
	for _, request := range []string{"\x00\x01x\x00octet\x00", "\x00\x01001565000009.cfg\x00octet\x00blksize\x0065464\x00", "\x00\x02" + alicesMAC + ".cfg\x00octet\x00"} {
		if got := victim(request, 0, time.Second); got > len(request) {
			t.Errorf("%q: %d octets for %d", request, got, len(request))
		}
	}
	if got := victim("\x00\x01x\x00octet\x00", harness.Patience, time.Second); got != 7 {
		t.Errorf("a refusal has %d octets", got)
	}
	var silent sync.WaitGroup
	silent.Go(func() {
		request := "\x00\x01" + alicesMAC + ".cfg\x00octet\x00blksize\x0065464\x00"
		if got := victim(request, harness.Patience, 10*time.Second); got == 0 || got > 4*len(request) {
			t.Errorf("one who is silent after a granted request gets %d octets for %d", got, len(request))
		}
	})
	silent.Go(func() {
		if got := victim("\x00\x01"+alicesMAC+".cfg\x00octet\x00", harness.Patience, 10*time.Second); got == 0 || got > 4*516+64 {
			t.Errorf("one who is silent after a request without options gets %d octets", got)
		}
	})
	silent.Wait()
	if b, err := boot.TFTP(t.Context(), to.String(), alicesMAC+".cfg", "blksize", "1428", "tsize", "0"); err != nil || !bytes.HasPrefix(b, []byte("#!version")) {
		t.Errorf("and yet the phone gets its file: %v", err)
	}
}

// TestWrongTemplate: a template with a mistake leaves the one before in place, at
// the start and at a reload.
func TestWrongTemplate(t *testing.T) {
	var dir string
	o := twoPhones(t, func(c *config.Config) { dir = filepath.Join(c.Data, "phones", "templates", "yealink") })
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "phone.tmpl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := o.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	file := func() string {
		_, text := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
		return text
	}
	before := file()
	write("#!version:1.0.0.1\nmine = {{.MAC}}\n")
	if got := file(); got != "#!version:1.0.0.1\nmine = "+alicesMAC+"\n" {
		t.Errorf("own template: %q", got)
	}
	for _, wrong := range []string{"{{.MAC", "{{.NoSuchThing}}", "a line that is none\n", "{{range seq 1 256}}{{range seq 1 256}}{{range seq 1 256}}x = y\n{{end}}{{end}}{{end}}"} {
		write(wrong)
		if got := file(); got != "#!version:1.0.0.1\nmine = "+alicesMAC+"\n" {
			t.Errorf("after the wrong %.30q: %.80q", wrong, got)
		}
	}
	if n := strings.Count(o.log.String(), "template of phones not used"); n != 4 {
		t.Errorf("%d of 4 mistakes are named:\n%s", n, o.log.String())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := file(); got != before {
		t.Errorf("without own templates: %.80q", got)
	}
}

// TestTwoPhonesWithOneMAC: a second device that says it has the MAC of a phone gets
// nothing in the window in which the phone got its files, over any way, and is reported.
// The phone itself goes on, and a window that is opened again is for whoever comes first.
func TestTwoPhonesWithOneMAC(t *testing.T) {
	o := twoPhones(t, nil)
	clone := *o
	clone.client = http.Client{Timeout: o.client.Timeout, Transport: &http.Transport{TLSClientConfig: o.tls(), DisableKeepAlives: true,
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext}}
	ask := func(who *office, want int) {
		t.Helper()
		for _, way := range []string{"https", "http"} {
			code, text := who.ask(way, alicesMAC+".cfg", yealink(alicesMAC))
			who.want("a file over "+way, code, text, want)
		}
	}
	if err := o.Phones().Inventory.Add(t.Context(), sipphone.Phone{MAC: alicesMAC, Family: "yealink"}); !errors.Is(err, sipphone.ErrExists) {
		t.Errorf("added twice: %v", err)
	}
	ask(o, 200)
	ask(&clone, 403)
	ask(o, 200)
	if log := o.log.String(); !strings.Contains(log, "second device with the MAC of a phone") || !strings.Contains(log, "first=127.0.0.1 peer=127.0.0.2") {
		t.Error("it is not reported")
	}
	if err := o.Phones().Inventory.Open(t.Context(), alicesMAC, time.Hour); err != nil {
		t.Fatal(err)
	}
	ask(&clone, 200)
	ask(o, 403)
}
