package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"tandem/gateways"
	"tandem/rtc/proxy"
)

func TestTrunksOfRoutes(t *testing.T) {
	c := Config{Routes: []proxy.Route{
		{Name: "The world", Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:192.0.2.1"}},
		{Name: "home", Match: proxy.Match{Prefix: "+49"}, NextHop: proxy.Hops{"sip:192.0.2.1"}, Strip: 3, Add: "0"},
		{Match: proxy.Match{Prefix: "*"}, NextHop: proxy.Hops{"sip:192.0.2.2", "sip:192.0.2.3"}},
		{Name: "partner", Match: proxy.Match{Domain: "example.net"}, NextHop: proxy.Hops{"sip:192.0.2.4"}},
	}}
	note := "made of routes in tandem.yaml"
	want := []gateways.Trunk{
		{Name: "the-world", Note: note, Addresses: []string{"sip:192.0.2.1"}, Prefixes: []string{"+", "+49"}, Out: []gateways.Rule{{Match: "+49", Strip: 3, Add: "0"}, {Match: "+"}}},
		{Name: "route-3", Note: note, Addresses: []string{"sip:192.0.2.2", "sip:192.0.2.3"}, Prefixes: []string{"*"}},
	}
	if got := c.Trunks(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
}

// A file written before there were trunks keeps calls between users as they were.
func TestFileBeforeTrunks(t *testing.T) {
	route := func(match string) string {
		return "routes: [{name: a, match: {" + match + "}, next_hop: \"sip:192.0.2.1\"}]\n"
	}
	for text, want := range map[string]bool{
		"domains: [a.test]\n":                                     true,
		route("domain: b.test"):                                   true,
		route("prefix: +49"):                                      false,
		route("prefix: \"+\"") + "telephony: {calls: 10}\n":       false,
		route("prefix: \"+\"") + "telephony: {all_calls: true}\n": true,
		"telephony: {all_calls: false}\n":                         false,
	} {
		path := filepath.Join(t.TempDir(), "tandem.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Load(path); err != nil || c.Telephony.AllCalls != want {
			t.Errorf("%s: all calls are led: %v, %v", text, c.Telephony.AllCalls, err)
		}
	}
}
