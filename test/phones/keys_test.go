package phones

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/rtc/contacts"
	"tandem/sipphone"
)

// TestKeysOfServices: keys for park, intercom and paging dial what the server
// understands; the lamp of a place to park follows whoever waits there.
func TestKeysOfServices(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"alice", "bob", "carol"} {
		o.user(u)
	}
	const mac = "001565000001"
	o.phone(mac, "yealink", []sipphone.Key{{Kind: sipphone.KeyPark, Target: "7"}, {Kind: sipphone.KeyIntercom, Target: "bob"}, {Kind: sipphone.KeyPaging, Target: "staff"}}, "alice")
	_, file := o.ask("https", mac+".cfg", yealink(mac))
	for _, line := range []string{"linekey.2.type = 10", "linekey.2.value = *57", "linekey.3.value = *80bob", "linekey.4.value = *81staff"} {
		if !strings.Contains(file, line+"\n") {
			t.Errorf("no %q in\n%s", line, file)
		}
	}
	watcher := o.place(t, "snom", "000413000001", "carol")
	if m := watcher.watch(t, "*57", "dialog", "application/dialog-info+xml", ""); !strings.Contains(string(m.Body), "<state>terminated<") {
		t.Errorf("nobody waits, and the lamp shows\n%s", m.Body)
	}
	alice, bob := o.laptop(t, "alice"), o.place(t, "polycom", "0004f2000003", "bob")
	near, _ := o.connect(t, alice.Device, bob, "sip:bob@example.com")
	leaves := doing(func() { _ = near.HungUp(t.Context()) })
	o.do(t, "POST", "/calls/"+o.Exchange().Calls()[0].ID()+"/park", `{"slot":7,"by":"caller"}`)
	leaves()
	if body := watcher.notified("dialog"); !strings.Contains(body, "<state>confirmed<") || strings.Contains(body, "bob") {
		t.Errorf("bob waits, and the lamp shows\n%s", body)
	}
	o.Exchange().Calls()[0].Hangup("test")
	if body := watcher.notified("dialog"); !strings.Contains(body, "<state>terminated<") {
		t.Errorf("bob has gone, and the lamp shows\n%s", body)
	}
}

// TestPhonebook: a phone gets the contacts of its user and the directory, in the form
// of its maker, and nobody else gets them.
func TestPhonebook(t *testing.T) {
	o := newOffice(t, nil)
	for _, u := range []string{"alice", "bob"} {
		o.user(u)
	}
	if _, err := o.Contacts().Edit(t.Context(), "sip:alice@example.com", nil, []contacts.Contact{
		{Address: "sip:bob@example.com", Name: "Bobby"}, {Address: "sip:max@elsewhere.org", Name: "Max", Numbers: []string{"+49301234567", "+491701234567"}},
		{Address: "sip:eva@elsewhere.org", Name: "Eva & Co"}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ family, mac, agent, path, want string }{
		{"yealink", alicesMAC, yealink(alicesMAC), "", "<Name>%s</Name>\n    <Telephone>%s</Telephone>"},
		{"polycom", "0004f2000001", "FileTransport PolycomVVX-VVX_450-UA/5.9.5.0614 (0004f2000001) Type/Application", "0004f2000001-directory.xml", "<ln>%s</ln>\n      <ct>%s</ct>"},
	} {
		o.phone(c.mac, c.family, nil, "alice")
		after := 401
		if c.path == "" {
			_, file := o.ask("https", c.mac+".cfg", c.agent)
			book := between(file, "remote_phonebook.data.1.url = ", "\n")
			c.path, after = book[strings.Index(book, "phonebook/"):], 200 // its path is what opens it
		}
		code, text := o.ask("https", c.path, c.agent)
		o.want("its phonebook", code, "", 200)
		for _, e := range [][2]string{{"Bobby", "bob"}, {"Max", "+49301234567"}, {"Max", "+491701234567"}, {"Eva &amp; Co", "eva@elsewhere.org"}, {"Alice &#34;&lt;&amp;&gt;&#34;", "alice"}} {
			if want := strings.Replace(strings.Replace(c.want, "%s", e[0], 1), "%s", e[1], 1); strings.Count(text, want) != 1 {
				t.Errorf("%s: not once %q in\n%s", c.family, want, text)
			}
		}
		if strings.Contains(text, "Bob &#34;") {
			t.Errorf("bob stands there twice:\n%s", text)
		}
		o.shut(c.mac)
		code, text = o.ask("https", c.path, c.agent)
		o.want("the phonebook after the window", code, text, after)
		if _, err := o.Phones().Inventory.Change(t.Context(), sipphone.MAC(c.mac), func(p *sipphone.Phone) error { p.Generation++; return nil }); err != nil {
			t.Fatal(err)
		}
		o.shut(c.mac)
		code, text = o.ask("https", c.path, c.agent)
		o.want("the phonebook by a path of before", code, text, 401)
	}
}

// TestRingTones: lists name the tones of the folder, a phone's own is named in its
// file, and the tone itself is given to phones near by.
func TestRingTones(t *testing.T) {
	o := twoPhones(t, nil)
	o.write(t, "files/rings/bell.wav", "RIFF")
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Phones().Inventory.Change(t.Context(), alicesMAC, func(p *sipphone.Phone) error {
		p.Settings = map[string]string{"ring": "bell.wav"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, file := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	url := between(file, "ringtone.url = ", "\n")
	if !strings.HasSuffix(url, "/rings/bell.wav") || !strings.Contains(file, "account.1.ringtone.ring_type = bell.wav\n") {
		t.Errorf("its own tone: %q in\n%s", url, file)
	}
	for i, c := range []struct{ family, path, agent, ring, want string }{
		{"cisco-spa", "%s.xml", "Cisco/SPA508G-7.4.4 (%s)(CBT1)", "bell.wav", `<Ring1 ua="na">n=bell.wav;w=tftp://127.0.0.1/rings/bell.wav;c=0</Ring1>`},
		{"cisco-mpp", "%s.cfg", "", "bell.wav", `<Ring1 ua="na">n=bell.wav;w=https://`},
		{"polycom", "%s-line.cfg", "", "bell.wav", `/rings/bell.wav" se.pat.ringer.ringer15.name="bell.wav"`},
		{"snom", "%s.xml", "", "bell.wav", `/rings/bell.wav</user_custom>`},
		{"grandstream", "cfg%s.xml", "", "2", `<P104>2</P104>`},
	} {
		mac := fmt.Sprintf("00156500001%d", i)
		o.phone(mac, c.family, nil, "alice")
		for _, ring := range []string{"", c.ring} {
			if _, err := o.Phones().Inventory.Change(t.Context(), sipphone.MAC(mac), func(p *sipphone.Phone) error {
				p.Settings = map[string]string{"ring": ring}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if _, text := o.ask("https", fmt.Sprintf(c.path, mac), c.agent); strings.Contains(text, c.want) != (ring != "") {
				t.Errorf("%s with %q: no %s in\n%s", c.family, ring, c.want, text)
			}
		}
	}
	if code, text := o.ask("https", "rings/bell.wav", yealink(alicesMAC)); code != 200 || text != "RIFF" {
		t.Errorf("the tone: %d %q", code, text)
	}
	if _, list := o.ask("http", "RINGLIST.DAT", "CSCO/7"); list != "bell.wav\trings/bell.wav\n" {
		t.Errorf("the list: %q", list)
	}
	if _, list := o.ask("http", "ringlist.xml", ""); !strings.Contains(list, "<FileName>rings/bell.wav</FileName>") {
		t.Errorf("the list: %q", list)
	}
}

// TestOldTLS: a phone that knows no TLS 1.2, and RSA alone, gets its files at the listener
// of its own, which is off unless configured, and at no other. Tolerance of old suites
// elsewhere takes nothing from it.
func TestOldTLS(t *testing.T) {
	o := twoPhones(t, func(c *config.Config) { c.Phones.OldTLS, c.TLS.OldCiphers = "127.0.0.1:0", true })
	kexRSA := []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA} // whose certificate is the key: no other kind will do
	var all []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, s.ID)
	}
	fetch := func(way string, version uint16, suites []uint16, ca string) (int, *tls.ConnectionState) {
		config := &tls.Config{RootCAs: o.roots(ca), ServerName: "example.com", MinVersion: version, MaxVersion: version, CipherSuites: suites}
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		resp, err := client.Get("https://" + o.PhoneFiles(way) + "/" + alicesMAC + ".cfg")
		if err != nil {
			return 0, nil
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.TLS
	}
	for _, c := range []struct {
		way     string
		version uint16
		suites  []uint16
		ca      string
		want    int
	}{
		{"old-tls", tls.VersionTLS10, all, certs.OldAuthority, 200}, {"old-tls", tls.VersionTLS11, all, certs.OldAuthority, 200}, {"old-tls", tls.VersionTLS12, all, certs.OldAuthority, 200},
		{"old-tls", tls.VersionTLS10, kexRSA, certs.OldAuthority, 200}, {"old-tls", tls.VersionTLS12, kexRSA, certs.OldAuthority, 200},
		{"old-tls", tls.VersionTLS10, kexRSA, "ca", 0},
		{"https", tls.VersionTLS10, all, "ca", 0}, {"https", tls.VersionTLS11, all, "ca", 0}, {"https", tls.VersionTLS12, all, "ca", 200}, {"https", tls.VersionTLS12, kexRSA, "ca", 0},
	} {
		code, state := fetch(c.way, c.version, c.suites, c.ca)
		if code != c.want || code != 0 && state.Version != c.version {
			t.Errorf("%s with %s: %d, want %d", c.way, tls.VersionName(c.version), code, c.want)
		}
		if code == 200 && c.way == "old-tls" {
			for _, cert := range state.PeerCertificates {
				if cert.PublicKeyAlgorithm != x509.RSA || cert.SignatureAlgorithm != x509.SHA256WithRSA {
					t.Errorf("%s by %s", cert.PublicKeyAlgorithm, cert.SignatureAlgorithm)
				}
			}
		}
	}
	plain := newOffice(t, nil)
	if plain.PhoneFiles("old-tls") != "" || config.Default().Phones.OldTLS != "" {
		t.Error("the listener for old TLS is on by default")
	}
	if _, err := os.Stat(filepath.Join(plain.Config().Data, certs.OldAuthority+".pem")); err == nil {
		t.Error("a CA for old phones, and there is no listener for them")
	}
}
