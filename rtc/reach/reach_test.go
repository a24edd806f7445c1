package reach

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

const bob rtc.AOR = "sip:bob@example.com"

// held are bindings of bob alone.
type held []location.Binding

func (h held) Bindings(aor rtc.AOR) []location.Binding {
	if aor != bob {
		return nil
	}
	return h
}

type deaf struct{}

func (deaf) Message(transport.Sink, transport.Flow, *sip.Message, *sip.Error) {}
func (deaf) FlowClosed(transport.Flow)                                        {}

// sockets is a transport that listens by UDP and TCP.
func sockets(t testing.TB) *transport.Transport {
	t.Helper()
	at := netip.MustParseAddrPort("127.0.0.1:0")
	tr, err := transport.New(transport.Config{Handler: deaf{}, Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: at, Loops: 1}, {Proto: transport.TCP, Addr: at}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = tr.Run(ctx) })
	t.Cleanup(func() { stop(); run.Wait() })
	return tr
}

// Each kind of binding has its way.
func TestWay(t *testing.T) {
	tr := sockets(t)
	flow := func(p transport.Proto, addr string) transport.Flow {
		f, err := tr.Flow(transport.Target{Proto: p, Addr: netip.MustParseAddrPort(addr)})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	here, there := flow(transport.UDP, "127.0.0.1:5070"), flow(transport.UDP, "192.0.2.1:5070")
	restored := transport.Flow{Remote: netip.MustParseAddrPort("127.0.0.1:5070")}
	for name, c := range map[string]struct {
		b    location.Binding
		want string // URI, flow, sticky
	}{
		"plain":             {location.Binding{URI: "sip:b@127.0.0.1:5070", Flow: here}, "sip:b@127.0.0.1:5070 udp false"},
		"behind a NAT":      {location.Binding{URI: "sip:b@10.0.0.1:5060", Flow: there}, "sip:b@10.0.0.1:5060 udp true"},
		"another port":      {location.Binding{URI: "sip:b@127.0.0.1:5099", Flow: here}, "sip:b@127.0.0.1:5099 none false"},
		"outbound":          {location.Binding{URI: "sip:b@127.0.0.1:5070", Flow: here, RegID: 1}, "sip:b@127.0.0.1:5070 udp true"},
		"Contact's excess":  {location.Binding{URI: "sip:b@127.0.0.1:5070;method=BYE?a=b", Flow: here}, "sip:b@127.0.0.1:5070 udp false"},
		"by an edge":        {location.Binding{URI: "sip:b@10.0.0.1", Path: "<sip:edge;lr>", Flow: here}, "sip:b@10.0.0.1 none false <sip:edge;lr>"},
		"after a restart":   {location.Binding{URI: "sip:b@127.0.0.1:5070", Flow: restored}, "sip:b@127.0.0.1:5070 udp false"},
		"TCP, then restart": {location.Binding{URI: "sip:b@127.0.0.1:5070;transport=tcp"}, "sip:b@127.0.0.1:5070;transport=tcp none false"},
		"browser, restart":  {location.Binding{URI: "sip:b@x.invalid;transport=ws"}, ""},
		"outbound, restart": {location.Binding{URI: "sip:b@127.0.0.1:5070;transport=tcp", RegID: 1}, ""},
	} {
		got := ""
		for _, w := range New(held{c.b}, tr).Ways(bob, Want{}) {
			proto := "none"
			if !w.Flow.IsZero() {
				proto = w.Flow.Proto().Param()
			}
			if got = fmt.Sprint(w.URI, " ", proto, " ", w.Sticky); w.Path != "" {
				got += " " + w.Path
			}
			if w.From != c.b.Flow.Remote {
				t.Errorf("%s: from %v", name, w.From)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if w := New(held{{URI: "sip:b@127.0.0.1:5070", Flow: here}}, tr).Ways("sip:alice@example.com", Want{}); w != nil {
		t.Errorf("alice has %v", w)
	}
}

// What is wanted decides which ways come, in which groups, and which are spare.
func TestWanted(t *testing.T) {
	list := held{
		{URI: "sip:a1@192.0.2.1", Q: 1000, Instance: "<urn:a>"},
		{URI: "sip:b@192.0.2.2", Q: 1000, Instance: "<urn:b>"},
		{URI: "sips:c@192.0.2.3", Q: 500},
		{URI: "sip:a2@192.0.2.1", Q: 500, Instance: "<urn:a>"},
		{URI: "sip:d@192.0.2.4", Q: 0},
	}
	for i := range list {
		list[i].Expires = time.Now().Add(time.Hour)
	}
	for _, c := range []struct {
		want Want
		ways string
	}{
		{Want{}, "[sip:a1@192.0.2.1 sip:b@192.0.2.2] [sips:c@192.0.2.3 spare:sip:a2@192.0.2.1] [sip:d@192.0.2.4]"},
		{Want{Max: 2}, "[sip:a1@192.0.2.1 sip:b@192.0.2.2]"},
		{Want{Secure: true}, "[sips:c@192.0.2.3]"},
		{Want{Instance: "urn:A"}, "[sip:a1@192.0.2.1] [spare:sip:a2@192.0.2.1]"},
		{Want{Instance: "urn:x"}, ""},
	} {
		var seen []string
		for g := range groups(New(list, nil).Ways(bob, c.want)) {
			var uris []string
			for _, w := range g {
				if w.Spare {
					w.URI = "spare:" + w.URI
				}
				uris = append(uris, w.URI)
			}
			seen = append(seen, fmt.Sprint(uris))
		}
		if got := fmt.Sprint(seen); got != "["+c.ways+"]" {
			t.Errorf("%+v: %s, want %s", c.want, got, c.ways)
		}
	}
	old := []Way{{URI: "sip:first"}}
	if all := New(list, nil).Append(old, bob, Want{Max: 1}); len(all) != 2 || all[0].URI != "sip:first" || all[1].URI != "sip:a1@192.0.2.1" {
		t.Errorf("appended: %v", all)
	}
}

// groups yields the ways of each q, spares included, the highest q first.
func groups(ways []Way) iter.Seq[[]Way] {
	return func(yield func([]Way) bool) {
		for len(ways) > 0 {
			n := 1
			for n < len(ways) && ways[n].Q == ways[0].Q {
				n++
			}
			if !yield(ways[:n:n]) {
				return
			}
			ways = ways[n:]
		}
	}
}
