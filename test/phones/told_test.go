package phones

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/interop/boot"
	"tandem/sipphone"
	"tandem/sipphone/inventory"
	"tandem/test/harness"
)

// wanted is what the phones of each family must find out besides their lines and keys, in
// Berlin and in German.
var wanted = map[string]struct {
	model    string // what they call themselves, or what the administrator wrote
	load     string // name of a file of firmware for that model
	firmware string // as they are told it
	clock    boot.Clock
	language string
	pickup   string
	book     string // root of its phonebook, "" for one who reads none
	ca       string // name of the CA they are to trust, "" for those that cannot be told one
	order    string // the files they ask for, M for the MAC as they spell it
}{
	"cisco-7960": {model: "7960", load: "P0S3-8-12-00.loads", firmware: "P0S3-8-12-00", clock: berlin, book: "CiscoIPPhoneDirectory",
		order: "CTLSEPM.tlv SEPM.cnf.xml OS79XX.TXT SIPDefault.cnf SIPM.cnf dialplan.xml RINGLIST.DAT"},
	"cisco-enterprise": {model: "7975", load: "SIP75.9-4-2SR3-1S.loads", firmware: "SIP75.9-4-2SR3-1S", clock: boot.Clock{Name: "W. Europe Standard/Daylight Time"},
		language: "de", book: "CiscoIPPhoneDirectory", order: "CTLSEPM.tlv ITLSEPM.tlv ITLFile.tlv SEPM.cnf.xml dialplan.xml ringlist.xml"},
	"cisco-spa": {model: "SPA508G", load: "spa50x-30x-7-6-2.bin", firmware: "/firmware/SPA508G/spa50x-30x-7-6-2.bin", clock: berlin, language: "German", pickup: "**",
		book: "CiscoIPPhoneDirectory", ca: "ca-rsa.pem", order: "init.cfg spa508G.cfg M.xml"},
	"cisco-mpp": {model: "8851-3PCC", load: "sip88xx.11-3-1.loads", firmware: "/firmware/8851-3PCC/sip88xx.11-3-1.loads", clock: berlin, language: "German", pickup: "**",
		book: "CiscoIPPhoneDirectory", ca: "ca.pem", order: "8851-3PCC.xml Cisco/CP-8851-3PCC/M.cfg"},
	"polycom": {model: "VVX_450", load: "3111-48450-001.sip.ld", firmware: "firmware/VVX_450/3111-48450-001.sip.ld", clock: berlin, language: "German_Germany", pickup: "**",
		ca: "ca.pem", order: "M.cfg M-line.cfg site.cfg M-license.cfg M-directory.xml"},
	"yealink": {model: "T27G", load: "69.86.0.160.rom", firmware: "/firmware/T27G/69.86.0.160.rom", clock: berlin, language: "German", pickup: "**",
		book: "YealinkIPPhoneDirectory", ca: "ca.pem", order: "M.boot y000000000000.boot y000000000069.cfg M.cfg"},
	"grandstream": {model: "GXP2135", load: "gxp2135fw.bin", firmware: "/firmware/GXP2135", clock: berlin, language: "de",
		book: "AddressBook", ca: "ca.pem", order: "cfgM cfgM.xml"},
	"snom": {model: "320", load: "snom320-8.9.3.80-SIP-f.bin", firmware: "/firmware/320/snom320-8.9.3.80-SIP-f.bin", clock: berlin, language: "Deutsch",
		book: "tbook", ca: "ca.pem", order: "snom320.htm snom320-M.htm M.xml phonebook snom320-firmware.htm"},
	"fanvil": {model: "X5U-V2", load: "x5u-2.12.16.z", firmware: "/firmware/X5U-V2/x5u-2.12.16.z", clock: berlin, language: "de",
		book: "FanvilIPPhoneDirectory", order: "f0X5U00000000.cfg M.cfg"},
	"gigaset": {model: "N720", load: "merkur.bin", firmware: "/firmware/N720/merkur.bin", clock: boot.Clock{Name: "0x1b"}, language: "0x2",
		book: "list", order: "42/1/master.bin M.xml"},
	"patton": {clock: boot.Clock{Offset: 3600}, order: "M.cfg"},
	"unify":  {clock: boot.Clock{Offset: 3600}, language: "de", pickup: "**"},
}

var berlin = boot.Clock{Offset: 3600, Start: "3.5.0/2", End: "10.5.0/3"}

// putFirmware puts firmware for one model of each family into a data folder.
func putFirmware(t *testing.T, data string) {
	t.Helper()
	for family, w := range wanted {
		if w.load == "" {
			continue
		}
		dir := filepath.Join(data, "phones", "files", "firmware", w.model)
		err := os.MkdirAll(dir, 0o700)
		for _, name := range []string{w.load, "readme.txt", ".hidden" + w.load} {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), []byte("firmware of "+family), 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// model writes down the model of a phone that does not say it.
func (o *office) model(mac, model string) {
	o.t.Helper()
	if _, err := o.Phones().Inventory.Change(o.t.Context(), sipphone.MAC(mac), func(p *sipphone.Phone) error { p.Model = model; return nil }); err != nil {
		o.t.Fatal(err)
	}
}

// isTold: a phone has asked in its order, and knows clock, language, firmware and CA. It
// reads its phonebook when its window has long been shut, and no other's.
func (o *office) isTold(t *testing.T, mac string, p *boot.Phone, got boot.Setup) {
	t.Helper()
	want := wanted[p.Family]
	order := strings.NewReplacer(strings.ToUpper(mac), "M", mac, "M").Replace(strings.Join(got.Asked, " "))
	if i := strings.Index(order, "phonebook/"); i >= 0 {
		order = order[:i] + "phonebook" + order[i+strings.Index(order[i:], ".xml")+4:]
	}
	if order != want.order {
		t.Errorf("asks for %s, want %s", order, want.order)
	}
	if got.Clock != want.clock || got.Language != want.language || got.Pickup != want.pickup {
		t.Errorf("is told %+v %q %q, want %+v %q %q", got.Clock, got.Language, got.Pickup, want.clock, want.language, want.pickup)
	}
	if !strings.HasSuffix(got.Firmware, want.firmware) || want.firmware == "" != (got.Firmware == "") {
		t.Errorf("is told to load %q, want %q", got.Firmware, want.firmware)
	}
	o.loads(t, p, mac, want.model, want.load)
	o.trusts(t, p, mac, got.CA, want.ca)
	o.shut(mac)
	defer func() {
		if err := o.Phones().Inventory.Open(t.Context(), sipphone.MAC(mac), time.Hour); err != nil {
			t.Fatal(err)
		}
	}()
	o.reads(t, p, mac, got.Book, want.book)
}

// isKnown: model and firmware of a phone are known by what it registers as.
func (o *office) isKnown(t *testing.T, mac sipphone.MAC) {
	t.Helper()
	var seen inventory.Seen
	if !harness.Holds(func() bool {
		seen, _ = o.Phones().Inventory.LastSeen(mac)
		return !seen.Registered.IsZero() && seen.Firmware != "" && seen.Model != ""
	}) {
		t.Errorf("it has registered, and is known as %+v", seen)
	}
}

// loads: the phone gets its firmware, by name alone and from its folder.
func (o *office) loads(t *testing.T, p *boot.Phone, mac, model, name string) {
	t.Helper()
	if name == "" {
		return
	}
	for _, path := range []string{name, "firmware/" + model + "/" + name} {
		if b, err := o.get(p, mac)(t.Context(), path, nil); err != nil || string(b) != "firmware of "+p.Family {
			t.Errorf("firmware %s: %q, %v", path, b, err)
		}
	}
}

// trusts: what the phone is told to trust is that CA.
func (o *office) trusts(t *testing.T, p *boot.Phone, mac, got, name string) {
	t.Helper()
	if name == "" {
		return
	}
	b, err := os.ReadFile(filepath.Join(o.Config().Data, name))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := pem.Decode(b)
	if u, err := url.Parse(got); err == nil && u.Scheme != "" {
		_, got = o.ask("https", strings.TrimPrefix(u.Path, "/"), p.UserAgent(mac))
	}
	der := []byte(got)
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	if _, err := x509.ParseCertificate(der); err != nil || string(der) != string(want.Bytes) {
		t.Errorf("is told to trust %.80q (%v), not %s", got, err, name)
	}
}

// reads: the phonebook opens by its URL alone, without the name of a device, over the way
// that the URL names; its log does not show what opens it. Nothing else opens by that.
func (o *office) reads(t *testing.T, p *boot.Phone, mac, book, root string) {
	t.Helper()
	if root == "" {
		if p.Family != "polycom" && book != "" {
			t.Errorf("a phonebook %s, and it reads none", book)
		}
		return
	}
	u, err := url.Parse(book)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		t.Fatalf("phonebook %q: %v", book, err)
	}
	path := strings.TrimPrefix(u.Path, "/")
	code, text := o.ask(u.Scheme, path, "some browser")
	if code != http.StatusOK || !strings.Contains(text, "<"+root) || !strings.Contains(text, "Alice") {
		t.Errorf("phonebook %s: %d %.200q", book, code, text)
	}
	parts := strings.Split(path, "/")
	if len(parts) != 4 || parts[1] != mac || len(parts[2]) != 26 || strings.Contains(o.log.String(), parts[2]) {
		t.Errorf("the path %s has no secret of its own, or the log shows it", path)
	}
	for what, other := range map[string]string{"another's": strings.Replace(path, mac, "0004f2ffffff", 1), "a guess": strings.Replace(path, parts[2], "a"+parts[2][1:]+"x", 1),
		"none": "phonebook/" + mac + "/phonebook.xml"} {
		if code, _ := o.ask("https", other, ""); code == http.StatusOK {
			t.Errorf("the phonebook opens by %s", what)
		}
	}
	if code, _ := o.ask("https", mac+"-line.cfg", "", basic(mac, parts[2])); code == http.StatusOK {
		t.Error("what opens the phonebook opens more")
	}
}
