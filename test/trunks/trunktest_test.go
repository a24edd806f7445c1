package trunks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/test/harness"
	"tandem/test/realtime"
)

// TestTrunkTest: a call by which an administrator tries a trunk shows the ladder, what
// was heard in both directions, and a verdict; policy counts.
func TestTrunkTest(t *testing.T) {
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	p := harness.Configure(t, t.TempDir(), "numbers: {country: DE}\n")
	p.Run("users", "add", "alice", "--password", harness.Password)
	p.Run("trunks", "add", "berlin", "--address", g.URI(), "--prefix", "+1", "--codec", "PCMU", "--number", "+4930555")
	p.Run("trunks", "add", "gone", "--address", "127.0.0.1:9", "--prefix", "+1")
	p.Start()
	realtime.Measure(t, func(*testing.T) (wrong []string) {
		text := p.Run("trunks", "test", "berlin", "030 1234567", "--talk", "1")
		for _, want := range []string{"INVITE", "200 OK", "BYE", "verdict", "good", "523", "packets"} {
			if !strings.Contains(text, want) {
				wrong = append(wrong, fmt.Sprintf("no %q in\n%s", want, text))
			}
		}
		return wrong
	})
	type answer struct {
		Call     string
		Answered bool
		Code     int
		From     struct {
			Sound struct {
				Codec   string
				Packets int
			}
			Tones []struct {
				Frequency float64 `json:"frequency_hz"`
			}
			Echo bool
		} `json:"from_trunk"`
		To      struct{ Packets int } `json:"to_trunk"`
		Verdict struct{ Good bool }
	}
	var out answer
	realtime.Measure(t, func(t *testing.T) (wrong []string) {
		out = answer{}
		if err := json.Unmarshal([]byte(p.Run("trunks", "test", "berlin", "+49301234567", "--user", "alice", "--talk", "3", "-o", "json")), &out); err != nil {
			t.Fatal(err)
		}
		if !out.Answered || out.Code != 200 || out.From.Sound.Codec != "PCMU" || out.From.Sound.Packets < 100 || len(out.From.Tones) < 4 || out.To.Packets < 100 || !out.Verdict.Good {
			wrong = append(wrong, fmt.Sprintf("%+v", out))
		}
		return wrong
	})
	var rec struct{ From, Payer, Trunk, State string }
	if err := json.Unmarshal([]byte(p.Run("cdr", "show", out.Call, "-o", "json")), &rec); err != nil || rec.Trunk != "berlin" || rec.State != "completed" || rec.Payer != "sip:alice@"+harness.Domain {
		t.Errorf("%v: record %+v", err, rec)
	}
	yesterday, tomorrow := time.Now().AddDate(0, 0, -1).Format(time.DateOnly), time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	if list := p.Run("cdr", "list", "--from", yesterday, "--to", tomorrow, "--trunk", "berlin"); !strings.Contains(list, out.Call) {
		t.Errorf("the calls of these days are\n%s", list)
	}
	if list := p.Run("cdr", "list", "--to", yesterday); strings.Contains(list, out.Call) {
		t.Errorf("the calls of before are\n%s", list)
	}
	for _, c := range []struct{ trunk, number, want string }{
		{"berlin", "+19005551234", "premium"}, {"berlin", "112", "emergency"}, {"bonn", "+49301234567", "no trunk"}, {"gone", "+49301234567", "not answered"},
	} {
		o := p.Tandem("trunks", "test", c.trunk, c.number)
		if o.Code == 0 || !strings.Contains(o.Stderr+o.Stdout, c.want) {
			t.Errorf("%s by %s: exit %d\n%s%s", c.number, c.trunk, o.Code, o.Stdout, o.Stderr)
		}
	}
	p.Run("trunks", "disable", "berlin")
	if o := p.Tandem("trunks", "test", "berlin", "+49301234567"); o.Code == 0 || !strings.Contains(o.Stderr, "enable") {
		t.Errorf("of a disabled trunk: exit %d %s", o.Code, o.Stderr)
	}
}
