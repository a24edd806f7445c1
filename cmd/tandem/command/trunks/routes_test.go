package trunks

import (
	"encoding/json"
	"strings"
	"testing"

	"tandem/rtc/proxy"
)

func TestTrunksOfRoutes(t *testing.T) {
	in, notes, err := trunksOfRoutes([]proxy.Route{
		{Name: "The world", Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:192.0.2.1"}},
		{Name: "home", Match: proxy.Match{Prefix: "+49"}, NextHop: proxy.Hops{"sip:192.0.2.1"}, Strip: 3, Add: "0"},
		{Match: proxy.Match{Prefix: "*"}, NextHop: proxy.Hops{"sip:192.0.2.2", "sip:192.0.2.3"}},
		{Name: "partner", Match: proxy.Match{Domain: "example.net"}, NextHop: proxy.Hops{"sip:192.0.2.4"}},
		{Name: "both", Match: proxy.Match{Domain: "example.net", Prefix: "1"}, NextHop: proxy.Hops{"sip:192.0.2.4"}},
	})
	if err != nil || len(in.Trunks) != 2 {
		t.Fatalf("%v, %+v", err, in)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"trunks":[` +
		`{"name":"the-world","note":"made of routes in tandem.yaml","addresses":["sip:192.0.2.1"],"prefixes":["+","+49"],"out":[{"match":"+49","strip":3,"add":"0"},{"match":"+"}]},` +
		`{"name":"route-3","note":"made of routes in tandem.yaml","addresses":["sip:192.0.2.2","sip:192.0.2.3"],"prefixes":["*"],"out":null}]}`
	if string(b) != want {
		t.Errorf("%s\nwant\n%s", b, want)
	}
	if text := strings.Join(notes, "\n"); !strings.Contains(text, "both stays a route") || !strings.Contains(text, "The world, home, route 3") {
		t.Error(text)
	}
}
