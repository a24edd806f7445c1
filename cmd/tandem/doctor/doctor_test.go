package doctor

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
)

// What phones should use is told for each listener, also of one that advertises another
// address and of IPv6; what stands in the way comes with a remedy.
func TestExamine(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := config.Default() // its domain is localhost, of which DNS is not asked
	cfg.Data, cfg.HTTP.Addr = filepath.Join(t.TempDir(), "data"), ""
	cfg.Listen = []config.Listen{
		{Proto: "udp", Addr: taken.LocalAddr().String()},
		{Proto: "tcp", Addr: "127.0.0.1:0", Advertise: "203.0.113.9:5070"},
		{Proto: "tls", Addr: "[2001:db8::7]:5061"},
		{Proto: "wss", Addr: "0.0.0.0:0", Advertise: "sip.example.com"},
	}
	found := map[string]Finding{}
	for _, f := range Examine(t.Context(), cfg, false) {
		found[f.Check] = f
		if f.Level == Fail && f.Remedy == "" {
			t.Errorf("no remedy: %+v", f)
		}
	}
	for check, want := range map[string]Finding{
		"phones use, udp":                {Level: OK, Found: taken.LocalAddr().String()},
		"phones use, tcp":                {Level: OK, Found: "203.0.113.9:5070"},
		"phones use, tls":                {Level: OK, Found: "[2001:db8::7]:5061"},
		"phones use, wss":                {Level: OK, Found: "sip.example.com:0"},
		"port udp " + cfg.Listen[0].Addr: {Level: Fail, Found: "taken by another program", Remedy: "ss -lnup"},
		"port tcp 127.0.0.1:0":           {Level: OK, Found: "free"},
		"port tls [2001:db8::7]:5061":    {Level: Fail, Found: "no interface has this address", Remedy: "ip address"},
		"data folder":                    {Level: OK, Found: "will be made at the first start"},
	} {
		got := found[check]
		if got.Level != want.Level || !strings.Contains(got.Found, want.Found) || !strings.Contains(got.Remedy, want.Remedy) {
			t.Errorf("%s: %+v, want %+v", check, got, want)
		}
	}
}
