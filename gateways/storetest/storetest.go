// Package storetest checks implementations of gateways.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tandem/gateways"
	"tandem/gateways/dialect"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s gateways.Store, again func() gateways.Store)) {
	for name, check := range map[string]func(*testing.T, gateways.Store, func() gateways.Store){
		"all fields survive":   fields,
		"put replaces":         replaces,
		"delete takes one":     deletes,
		"many, in their order": many,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

// full has a value in every field.
func full(name string) gateways.Trunk {
	return gateways.Trunk{
		Name: name, Note: "bei München", Disabled: true,
		Addresses: []string{"sip:gw.example.com;transport=tls", "sip:192.0.2.1:5070"},
		Sources:   []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")},
		TLSNames:  []string{"gw.example.com"},
		Digest:    gateways.Digest{User: "tandem", Realm: "example.com", Secret: "hush, hush"},
		Country:   "GB", Numbers: []string{"+493012345*", "+4930999"},
		Prefixes: []string{"*", "+49"}, Priority: 2, Weight: 30, Channels: 60,
		Users: []string{"sip:gw@example.com"}, Domain: "sip.example.net", Account: "4930", Register: gateways.RegisterBulk, RegisterFor: time.Hour,
		Cost: 0.25, Hours: []string{"mon-fri 08:00-18:00"}, Group: "pstn", TrunkGroup: "tg1@gw.example.net", ChannelsIn: 5, ChannelsOut: 6, Rate: 7, RateIn: 8, Draining: true,
		Dialect: "cisco-ios",
		Manner: dialect.Manner{Format: dialect.FormatDigits, CallerID: dialect.CallerRemote, UserPhone: dialect.Off, Reliable: dialect.On,
			Early: dialect.EarlyIgnore, Keys: dialect.KeysInband, Diversion: dialect.DiversionHistory,
			Media: dialect.MediaRequire, Probe: dialect.ProbeOff, Redirects: dialect.RedirectsFollow, Ported: dialect.On},
		Out: []gateways.Rule{{Match: "+49", Strip: 3, Add: "0"}}, In: []gateways.Rule{{Add: "+"}},
		Codecs: []string{"PCMA", "opus"},
	}
}

func trunks(t *testing.T, s gateways.Store) (all []gateways.Trunk) {
	t.Helper()
	if err := s.Trunks(t.Context(), func(trunk gateways.Trunk) { all = append(all, trunk) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func put(t *testing.T, s gateways.Store, list ...gateways.Trunk) {
	t.Helper()
	if err := s.PutTrunks(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func fields(t *testing.T, s gateways.Store, again func() gateways.Store) {
	want := []gateways.Trunk{full("berlin"), {Name: "bonn", Addresses: []string{"sip:bonn.example.com"}}}
	for i := range reflect.TypeFor[gateways.Trunk]().NumField() {
		if f := reflect.TypeFor[gateways.Trunk]().Field(i); f.IsExported() && reflect.ValueOf(want[0]).Field(i).IsZero() {
			t.Fatalf("%s has no value in this test", f.Name)
		}
	}
	put(t, s, want...)
	if got := trunks(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if got := trunks(t, again()); !reflect.DeepEqual(got, want) || got[0].Digest.Secret != "hush, hush" {
		t.Errorf("after opening it again %+v", got)
	}
}

func replaces(t *testing.T, s gateways.Store, again func() gateways.Store) {
	put(t, s, full("berlin"))
	next := gateways.Trunk{Name: "berlin", Addresses: []string{"sip:other.example.com"}}
	put(t, s, next)
	if got := trunks(t, again()); !reflect.DeepEqual(got, []gateways.Trunk{next}) {
		t.Errorf("%+v", got)
	}
}

func deletes(t *testing.T, s gateways.Store, again func() gateways.Store) {
	put(t, s, full("berlin"), full("bonn"))
	for _, name := range []string{"berlin", "nobody"} {
		if err := s.DeleteTrunk(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if got := trunks(t, again()); !reflect.DeepEqual(got, []gateways.Trunk{full("bonn")}) {
		t.Errorf("%+v", got)
	}
}

func many(t *testing.T, s gateways.Store, again func() gateways.Store) {
	want := make([]gateways.Trunk, gateways.MaxTrunks)
	for i := range want {
		want[i] = full(fmt.Sprintf("t%04d", i))
	}
	put(t, s, want...)
	if got := trunks(t, again()); !reflect.DeepEqual(got, want) {
		t.Errorf("%d trunks", len(got))
	}
}
