package test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/server"
	"tandem/cmd/tandem/softphone"
	"tandem/gateways"
	"tandem/media/sound"
	"tandem/telephony/cdr"
)

// loopbackMedia has the sound of calls pass on loopback.
func loopbackMedia(cfg *server.Config) {
	cfg.Media.Interfaces = []server.MediaInterface{{Addr: "127.0.0.1"}}
}

// gateway starts an independent gateway, which takes G.711 alone, and a trunk
// to it that takes PCMU alone.
func (r *rig) gateway(t *testing.T, name string, change func(*gateways.Trunk)) *gatewaysim.Gateway {
	t.Helper()
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.trunk(t, name, g.URI(), change)
	return g
}

func (r *rig) trunk(t *testing.T, name, uri string, change func(*gateways.Trunk)) {
	t.Helper()
	trunk := gateways.Trunk{Name: name, Addresses: []string{uri}, Prefixes: []string{"+49"}, Codecs: []string{"PCMU"}}
	if change != nil {
		change(&trunk)
	}
	if err := r.s.Trunks().Add(soon(t), trunk); err != nil {
		t.Fatal(err)
	}
}

// records waits until no call goes on, and returns the records of all, the
// latest first.
func (r *rig) records(t *testing.T) []cdr.Record {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		list, err := r.s.Records().List(soon(t), cdr.Query{})
		if err != nil {
			t.Fatal(err)
		}
		open := r.s.Exchange().Active()
		for _, rec := range list {
			if rec.State == cdr.Open {
				open++
			}
		}
		if open == 0 {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls do not end: %+v", open, list)
		}
	}
}

// TestCallThroughTrunk: a phone that speaks only Opus calls a number behind a
// gateway that takes only PCMU. The sound is converted both ways, the record is
// complete, and either side may hang up.
func TestCallThroughTrunk(t *testing.T) {
	softphone.AllowLargeDatagrams()
	r := startServer(t, loopbackMedia)
	r.user("alice")
	r.gateway(t, "berlin", nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: domain, Password: password, Server: r.addr["udp"].String(), Codecs: []string{"opus"}})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	call, err := phone.Dial(soon(t), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	report, err := call.Talk(context.Background(), softphone.TalkOptions{Play: sound.Silence(announcement), Measure: true, Duration: announcement + 2*time.Second})
	if err != nil {
		t.Fatal(err)
	}
	a := report.Audio
	want := sound.Segments(gatewaysim.Announcement())
	if a.Codec != "opus" || a.Lost > 0 || len(a.Tones) < len(want) || a.Echoes == 0 {
		t.Fatalf("heard %+v", a)
	}
	for i, w := range want {
		if h := a.Tones[i]; h.Frequency < 0.99*w.Freq || h.Frequency > 1.01*w.Freq || h.Level < w.Level-1 || h.Level > w.Level+1 {
			t.Errorf("tone %d is %.1f Hz at %.1f dBFS, want %.1f at %.1f", i, h.Frequency, h.Level, w.Freq, w.Level)
		}
	}
	list := r.records(t)
	if len(list) != 1 {
		t.Fatalf("%d records", len(list))
	}
	rec := list[0]
	if rec.State != cdr.Completed || rec.Trunk != "berlin" || rec.From != "sip:alice@"+domain || rec.Number != "+49301234567" ||
		rec.EndedBy != "caller" || rec.Code != 200 || rec.Cause != 16 || rec.Talked() < 3*time.Second || rec.CallIDs[0] != call.ID || rec.CallIDs[1] == "" {
		t.Errorf("record %+v", rec)
	}
	if s := rec.Sides; s[0].Codec != "opus" || s[1].Codec != "PCMU" || s[0].Packets < 100 || s[1].Packets < 100 || s[1].Lost > 0 {
		t.Errorf("sound %+v", rec.Sides)
	}
}
