package proxy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tandem/rtc/sip"
)

func uri(t testing.TB, s string) sip.URI {
	t.Helper()
	u, err := sip.ParseURI([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}

func routes(t testing.TB, list ...Route) *Routes {
	t.Helper()
	r, err := NewRoutes(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRouteChoice(t *testing.T) {
	r := routes(t,
		Route{Name: "partner", Match: Match{Domain: "Partner.example"}, NextHop: Hops{"sip:192.0.2.4"}},
		Route{Name: "below", Match: Match{Domain: "*.example.org"}, NextHop: Hops{"sip:192.0.2.5"}},
		Route{Name: "messages", Match: Match{Method: "PUBLISH"}, NextHop: Hops{"sip:192.0.2.6"}},
	)
	for _, c := range []struct{ method, uri, name string }{
		{"INVITE", "sip:alice@example.com", ""},
		{"INVITE", "sip:+4930123@elsewhere.example", ""},
		{"INVITE", "tel:+4930123", ""},
		{"PUBLISH", "tel:+4930123", ""},
		{"INVITE", "sip:bob@PARTNER.example", "partner"},
		{"INVITE", "sip:bob@a.example.org", "below"},
		{"INVITE", "sip:bob@example.org", ""},
		{"PUBLISH", "sip:bob@example.net", "messages"},
		{"publish", "sip:bob@example.net", ""},
	} {
		if got := r.find([]byte(c.method), uri(t, c.uri)); got == nil && c.name != "" || got != nil && got.Name != c.name {
			t.Errorf("%s %s: route %v, want %q", c.method, c.uri, got, c.name)
		}
	}
	var names []string
	for _, x := range r.List() {
		names = append(names, x.Name)
	}
	if s := strings.Join(names, " "); s != "partner below messages" {
		t.Errorf("order: %s", s)
	}
}

// The next hops are peers.
func TestRoutesHosts(t *testing.T) {
	r := routes(t,
		Route{Name: "branch", Match: Match{Domain: "branch.example"}, NextHop: Hops{"sip:192.0.2.1:5070", "sip:gw.example;maddr=[2001:db8::1]"}},
		Route{Name: "partner", Match: Match{Domain: "partner.example"}, NextHop: Hops{"sips:192.0.2.2"}})
	got := fmt.Sprint(r.hosts())
	for _, want := range []string{"{route branch false [192.0.2.1:5070 gw.example [2001:db8::1]]", "{route partner false [192.0.2.2]"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestRouteFaults(t *testing.T) {
	hop, any := Hops{"sip:192.0.2.1"}, Match{Domain: "a.b"}
	for _, c := range []struct {
		route Route
		want  string
	}{
		{Route{NextHop: hop}, "match is empty"},
		{Route{Match: any}, "next_hop is empty"},
		{Route{Match: any, NextHop: Hops{"gw.example"}}, "is not a SIP URI"},
		{Route{Match: any, NextHop: Hops{"tel:+491"}}, "is not a SIP URI"},
		{Route{Match: any, NextHop: Hops{"sip:gw?a=b"}}, "headers"},
		{Route{Match: Match{Prefix: "+49"}}, "next_hop is empty"},
		{Route{Match: Match{Prefix: "+49", Domain: "a.b"}, NextHop: hop}, "tandem trunks add"},
		{Route{Match: Match{Prefix: "+49", Method: "INVITE"}, NextHop: hop}, "tandem trunks add"},
		{Route{Match: any, NextHop: hop, Strip: 1}, "need a prefix"},
		{Route{Match: any, NextHop: hop, Add: "0"}, "need a prefix"},
	} {
		if _, err := NewRoutes([]Route{c.route}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.route, err, c.want)
		}
	}
}

// The proxy does not handle routes for numbers: they would bypass the policy.
func TestRoutesForNumbers(t *testing.T) {
	r := routes(t,
		Route{Name: "pstn", Match: Match{Prefix: "+"}, NextHop: Hops{"sip:192.0.2.1"}},
		Route{Name: "branch", Match: Match{Domain: "branch.example"}, NextHop: Hops{"sip:192.0.2.2"}})
	if list := r.List(); len(list) != 1 || list[0].Name != "branch" {
		t.Errorf("the proxy has the routes %+v", list)
	}
	if hosts := r.hosts(); len(hosts) != 1 {
		t.Errorf("peers of routes: %+v", hosts)
	}
}

func TestRouteYAML(t *testing.T) {
	var list []Route
	text := `
- name: pstn
  match: {prefix: "00"}
  next_hop: sip:192.0.2.1
  strip: 2
  add: "+"
- match: {domain: partner.example, method: MESSAGE}
  next_hop: [sip:192.0.2.2, "sip:192.0.2.3;transport=tcp"]
  trusted: true
`
	if err := yaml.UnmarshalWithOptions([]byte(text), &list, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := []Route{
		{Name: "pstn", Match: Match{Prefix: "00"}, NextHop: Hops{"sip:192.0.2.1"}, Strip: 2, Add: "+"},
		{Match: Match{Domain: "partner.example", Method: "MESSAGE"}, NextHop: Hops{"sip:192.0.2.2", "sip:192.0.2.3;transport=tcp"}, Trusted: true},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("read %+v", list)
	}
	if err := yaml.UnmarshalWithOptions([]byte("- next_hop: {a: b}"), &list, yaml.Strict()); err == nil {
		t.Error("a map is not a next hop")
	}
}

func TestNumberOf(t *testing.T) {
	for _, c := range []struct{ uri, want string }{
		{"sip:+49(30)12-3@h", "+493012" + "3"},
		{"sip:*21#@h", "*21#"}, // '#' unescaped, as phones send it
		{"sip:*21@h", "*21"},
		{"tel:112", "112"},
		{"sip:12a@h", ""},
		{"sip:+@h", ""},
		{"sip:h", ""},
		{"sip:1+2@h", ""},
	} {
		u, err := sip.ParseURI([]byte(c.uri))
		if err != nil {
			continue
		}
		var buf [8]byte
		if got := string(numberOf(u, buf[:])); got != c.want {
			t.Errorf("%s: %q, want %q", c.uri, got, c.want)
		}
	}
}
