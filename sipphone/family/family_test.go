package family

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/zone"
)

// TestLoad: every family reads, and its files keep what hostile texts hold in
// their place.
func TestLoad(t *testing.T) {
	s, errs := Load("", nil)
	for _, err := range errs {
		t.Error(err)
	}
	for _, f := range s.All() {
		if f.Title == "" || f.Evidence == "" || len(f.SIPAgents) == 0 {
			t.Errorf("%s: title, evidence or SIP agents missing", f.Name)
		}
	}
	if len(s.All()) != 14 {
		t.Errorf("%d families", len(s.All()))
	}
}

// TestAgents: what phones call themselves, as captured, tells model, firmware and
// MAC.
func TestAgents(t *testing.T) {
	s, _ := Load("", nil)
	for _, c := range []struct {
		family, agent string
		sip           bool
		want          Agent
	}{
		{"polycom", "FileTransport PolycomVVX-VVX_450-UA/5.9.5.0614 (0004f2aabbcc) Type/Application", false, Agent{"0004f2aabbcc", "VVX_450", "5.9.5.0614"}},
		{"polycom", "FileTransport PolycomSoundPointIP-SPIP_601-UA/2.1.1.0052", false, Agent{"", "SPIP_601", "2.1.1.0052"}},
		{"polycom", "Polycom/5.5.0.23866 PolycomVVX-VVX_501-UA/5.5.0.23866", true, Agent{"", "VVX_501", "5.5.0.23866"}},
		{"yealink", "Yealink SIP-T27G 69.86.0.15 00:15:65:12:34:56", false, Agent{"001565123456", "T27G", "69.86.0.15"}},
		{"yealink", "Yealink SIP-T27G 69.86.0.15", true, Agent{"", "T27G", "69.86.0.15"}},
		{"cisco-spa", "Cisco/SPA508G-7.4.4 (000E08AABBCC)(CBT1)", false, Agent{"000e08aabbcc", "SPA508G", "7.4.4"}},
		{"cisco-mpp", "Cisco-CP-7832-3PCC/11.0.1 (00562b043615)", false, Agent{"00562b043615", "7832-3PCC", "11.0.1"}},
		{"grandstream", "Grandstream Model HW GXP2135 SW 1.0.9.108 DevId 000b82aabbcc", false, Agent{"000b82aabbcc", "GXP2135", "1.0.9.108"}},
		{"grandstream", "Grandstream GXP2135 1.0.9.108", true, Agent{"", "GXP2135", "1.0.9.108"}},
		{"snom", "Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.4)", false, Agent{"", "320", "8.4.18"}},
		{"snom", "snom360/7.3.30", true, Agent{"", "360", "7.3.30"}},
		{"fanvil", "Fanvil X5U-V2 2.12.16.17 0c383e557eb1", false, Agent{"0c383e557eb1", "X5U-V2", "2.12.16.17"}},
		{"gigaset", "Gigaset N720 DM PRO/70.089.00.000.000;7C2F80CA21E4", false, Agent{"7c2f80ca21e4", "N720", "70.089.00.000.000"}},
		{"cisco-7960", "CSCO/7", true, Agent{"", "", "7"}},
		{"3com", "3Com-SIP-Phone/V7.1.53.53", true, Agent{"", "", "V7.1.53.53"}},
		{"unify", "OpenStage_40_V3 R5.13.0      SIP  190111", true, Agent{"", "OpenStage_40_V3", "R5.13.0"}},
	} {
		f := s.Family(c.family)
		got, ok := f.httpAgent(c.agent)
		if c.sip {
			got, ok = f.SIPAgent(c.agent)
		}
		if !ok || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.agent, got, ok, c.want)
		}
		if found, _, ok := s.ByAgent(c.agent); !c.sip && (!ok || found != f) {
			t.Errorf("%s: of no family, or of another", c.agent)
		}
	}
}

// TestOverride: an own template takes the place of the embedded one; one with a
// mistake leaves the one before, embedded or own, in its place.
func TestOverride(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "yealink", "common.tmpl")
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	render := func(s *Set) string {
		f := s.Family("yealink")
		file, _, _ := f.File("y000000000069.cfg")
		b, err := f.Render(file, &Asked{}, &Place{})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var set *Set
	first, _ := Load("", nil)
	for i, c := range []struct {
		text, want string
		errs       int
	}{
		{"{{.Nothing}}", render(first), 1},
		{"#!version:1.0.0.1\na = 1\n", "#!version:1.0.0.1\na = 1\n", 0},
		{"#!version:1.0.0.1\nno key here\n", "#!version:1.0.0.1\na = 1\n", 1},
		{"#!version:1.0.0.1\na = 2\n", "#!version:1.0.0.1\na = 2\n", 0},
	} {
		if err := os.WriteFile(own, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		next, errs := Load(dir, set)
		if len(errs) != c.errs || render(next) != c.want {
			t.Errorf("%d: %v, %q", i, errs, render(next))
		}
		set = next
	}
	if err := os.WriteFile(filepath.Join(dir, "yealink", "nosuch.tmpl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs := Load(dir, set); len(errs) != 1 || !strings.Contains(errs[0].Error(), "phone.tmpl") {
		t.Errorf("a name that is none: %v", errs)
	}
}

func TestMasked(t *testing.T) {
	a := string(Masked([]byte("p = abcdefgh1\nq = other\n"), "abcdefgh1"))
	b := string(Masked([]byte("p = abcdefgh2\nq = other\n"), "abcdefgh2"))
	if strings.Contains(a, "abcdefgh") || a == b || !strings.Contains(a, "q = other") {
		t.Errorf("%q, %q", a, b)
	}
}

// TestSwitchedOn: the files have phones do what they do only when they are told to:
// share do-not-disturb and forwarding with the server, and have keys that dial.
func TestSwitchedOn(t *testing.T) {
	s, _ := Load("", nil)
	ask, place := reference()
	for family, want := range map[string][]string{
		"cisco-spa": {`<Feature_Key_Sync_1_ ua="na">Yes<`, `<Feature_Key_Sync_2_ ua="na">Yes<`},
		"cisco-mpp": {`<Feature_Key_Sync_1_ ua="na">Yes<`, `<Feature_Key_Sync_2_ ua="na">Yes<`},
		"polycom": {`reg.1.serverFeatureControl.dnd="1"`, `reg.1.serverFeatureControl.cf="1"`, `reg.2.serverFeatureControl.dnd="1"`,
			`feature.enhancedFeatureKeys.enabled="1"`},
		"yealink": {"features.feature_key_sync.enable = 1\n"},
	} {
		f := s.Family(family)
		b, err := f.Render(f.setup(), ask, place)
		for _, text := range want {
			if err != nil || !strings.Contains(string(b), text) {
				t.Errorf("%s: no %s, %v", family, text, err)
			}
		}
	}
}

// TestKeepAlive: a family that says how often its phones keep a NAT open tells them.
func TestKeepAlive(t *testing.T) {
	s, _ := Load("", nil)
	ask, place := reference()
	for _, f := range s.All() {
		if f.KeepAlive == 0 {
			continue
		}
		before, err := f.Render(f.setup(), ask, place)
		if err != nil {
			t.Fatal(err)
		}
		f.KeepAlive++
		if after, err := f.Render(f.setup(), ask, place); err != nil || string(after) == string(before) {
			t.Errorf("%s: every %d seconds, and its files do not say so (%v)", f.Name, f.KeepAlive-1, err)
		}
	}
}

// TestOffsets: every family that writes an offset writes its sign, hours and minutes.
func TestOffsets(t *testing.T) {
	s, _ := Load("", nil)
	for _, form := range []struct {
		family, path, text string // with %s for the offset
		want               map[string]string
	}{
		{"cisco-spa", "spa001565000001.xml", ">GMT%s</Time_Zone>", padded},
		{"cisco-mpp", "001565000001.cfg", ">GMT%s</Time_Zone>", padded},
		{"patton", "001565000001.cfg", "clock local default-offset %s\n", padded},
		{"yealink", "001565000001.cfg", "time_zone = %s\n", short},
		{"yealink", "y000000000069.cfg", "time_zone = %s\n", short},
		{"cisco-7960", "SIPDefault.cnf", "time_zone: \"GMT%s\"", map[string]string{"UTC": ""}},
		{"polycom", "site.cfg", "gmtOffset=\"%s\"", map[string]string{"Asia/Kolkata": "19800", "Pacific/Honolulu": "-36000", "UTC": "0"}},
	} {
		f := s.Family(form.family)
		for zone, plain := range short {
			want, given := form.want[zone]
			switch {
			case given:
			case form.family == "polycom":
				continue
			default:
				want = plain
			}
			file, _, ok := f.File(form.path)
			if !ok {
				t.Fatalf("%s: no file %s", form.family, form.path)
			}
			b, err := f.Render(file, &Asked{Phone: sipphone.Phone{MAC: "001565000001"}}, &Place{Timezone: zone})
			if line := fmt.Sprintf(form.text, want); err != nil || !strings.Contains(string(b), line) {
				t.Errorf("%s in %s: no %q, %v", form.family, zone, line, err)
			}
		}
	}
}

// The offsets of zones as "+01:00", and as short as they can be.
var (
	padded = map[string]string{"Australia/Brisbane": "+10:00", "Pacific/Honolulu": "-10:00", "Asia/Kolkata": "+05:30", "America/New_York": "-05:00",
		"America/St_Johns": "-03:30", "Asia/Kathmandu": "+05:45", "Pacific/Marquesas": "-09:30", "Europe/Berlin": "+01:00", "UTC": "+00:00"}
	short = map[string]string{"Australia/Brisbane": "+10", "Pacific/Honolulu": "-10", "Asia/Kolkata": "+5:30", "America/New_York": "-5",
		"America/St_Johns": "-3:30", "Asia/Kathmandu": "+5:45", "Pacific/Marquesas": "-9:30", "Europe/Berlin": "+1", "UTC": "+0"}
)

// FuzzPath: no path breaks the search, and what is found has a MAC or none.
func FuzzPath(f *testing.F) {
	s, _ := Load("", nil)
	for _, path := range []string{"001565000001.cfg", "Cisco/CP-8851-3PCC/001565000001.cfg", "y000000000069.cfg", "../../x", "SEP001565000001.cnf.xml"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if _, found, ok := s.ByPath(path); ok && found.MAC != "" {
			if _, err := sipphone.ParseMAC(string(found.MAC)); err != nil {
				t.Errorf("%q: %q", path, found.MAC)
			}
		}
		for _, f := range s.All() {
			f.Upload(path)
		}
	})
}

// FuzzAgent: no User-Agent breaks the reading.
func FuzzAgent(f *testing.F) {
	s, _ := Load("", nil)
	f.Add("Yealink SIP-T27G 69.86.0.15 00:15:65:12:34:56")
	f.Add("Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.4)")
	f.Fuzz(func(t *testing.T, agent string) {
		s.ByAgent(agent)
		for _, f := range s.All() {
			f.SIPAgent(agent)
		}
	})
}

// reference is a phone with two lines and twenty lamps.
func reference() (*Asked, *Place) {
	place := &Place{Domain: "example.com", Host: "192.0.2.1", Ports: map[string]int{"udp": 5060, "tls": 5061}, Transport: "tls", Expires: time.Hour, URL: "https://192.0.2.1:8445/", Timezone: "Europe/Berlin"}
	ask := &Asked{Phone: sipphone.Phone{MAC: "001565000001", Lines: []sipphone.Line{{User: "sip:alice@example.com"}, {User: "sip:sales@example.com"}}},
		Names: []string{"Alice & Co", "Sales"}, Secrets: []string{"abcdefghijkmnopqrstuvwxyz2", "abcdefghijkmnopqrstuvwxyz3"}, Password: "abcdefghijkmnopqrstuvwxyz4"}
	for i := range 20 {
		ask.Phone.Keys = append(ask.Phone.Keys, sipphone.Key{Kind: sipphone.KeyLamp, Target: fmt.Sprint("user", i)})
	}
	return ask, place
}

// setup is the file of a family with the passwords of its phones, nil for none.
func (f *Family) setup() *File {
	for i := range f.Files {
		if file := &f.Files[i]; file.Secret && file.Query == "" {
			return file
		}
	}
	return nil
}

// TestRenderIsFrugal: no template has so many calls of functions in its loops that
// making a file takes long. A call costs some five allocations and ten times what the
// value of a field costs.
func TestRenderIsFrugal(t *testing.T) {
	s, _ := Load("", nil)
	ask, place := reference()
	for _, f := range s.All() {
		if file := f.setup(); file != nil {
			if n := testing.AllocsPerRun(10, func() { _, _ = f.Render(file, ask, place) }); n > 600 {
				t.Errorf("%s: %.0f allocations", f.Name, n)
			}
		}
	}
}

// BenchmarkRender makes the file of the reference phone, and tells the time of the
// processor it takes, which other programs do not change.
func BenchmarkRender(b *testing.B) {
	s, _ := Load("", nil)
	ask, place := reference()
	for _, f := range s.All() {
		file := f.setup()
		if file == nil {
			continue
		}
		b.Run(f.Name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if _, err := f.Render(file, ask, place); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestWords: a family writes languages and zones in its own words, and English where it
// knows none.
func TestWords(t *testing.T) {
	s, _ := Load("", nil)
	for _, c := range []struct{ family, language, zone, wantLanguage, wantZone string }{
		{"snom", "de", "", "Deutsch", ""}, {"snom", "xx", "", "English", ""}, {"grandstream", "xx", "", "xx", ""},
		{"cisco-enterprise", "fr", "Europe/Paris", "French_France", "Romance Standard/Daylight Time"},
		{"cisco-enterprise", "", "Europe/Budapest", "", "Central Europe Standard/Daylight Time"},
		{"cisco-enterprise", "", "America/Phoenix", "", "US Mountain Standard Time"},
		{"cisco-enterprise", "", "America/Denver", "", "Mountain Standard/Daylight Time"},
		{"gigaset", "de", "Europe/Berlin", "0x2", "0x1b"}, {"gigaset", "de", "Asia/Kolkata", "0x2", ""},
	} {
		f := s.Family(c.family)
		language := ""
		if c.language != "" {
			language = f.language(c.language)
		}
		if name := f.zoneName(c.zone, zone.Of(c.zone)); language != c.wantLanguage || c.zone != "" && name != c.wantZone {
			t.Errorf("%s: %q %q", c.family, language, name)
		}
	}
}
