package config

import (
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
