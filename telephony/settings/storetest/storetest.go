// Package storetest checks implementations of settings.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/telephony/settings"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s settings.Store, again func() settings.Store)) {
	t.Run("all fields survive", func(t *testing.T) {
		s, again := open(t)
		want := full("sip:alice@example.com")
		for i := range reflect.TypeFor[settings.User]().NumField() {
			if reflect.ValueOf(want).Field(i).IsZero() {
				t.Fatalf("%s has no value in this test", reflect.TypeFor[settings.User]().Field(i).Name)
			}
		}
		put(t, s, want)
		check(t, s, want)
		check(t, again(), want)
	})
	t.Run("put replaces, delete takes one", func(t *testing.T) {
		s, again := open(t)
		bob := settings.User{AOR: "sip:bob@example.com", DoNotDisturb: true}
		put(t, s, full("sip:alice@example.com"), full("sip:bob@example.com"), bob)
		for _, aor := range []rtc.AOR{"sip:alice@example.com", "sip:nobody@example.com"} {
			if err := s.DeleteSettings(t.Context(), aor); err != nil {
				t.Error(err)
			}
		}
		check(t, again(), bob)
	})
	t.Run("many", func(t *testing.T) {
		s, again := open(t)
		var want []settings.User
		for i := range 1500 { // more than one page
			want = append(want, settings.User{AOR: rtc.AOR(fmt.Sprintf("sip:u%04d@example.com", i)), Busy: fmt.Sprint(i)})
		}
		put(t, s, want...)
		check(t, again(), want...)
	})
}

// full has a value in every field.
func full(aor rtc.AOR) settings.User {
	return settings.User{AOR: aor, Always: "bob", Busy: "sip:carol@example.com", NoAnswer: "+49301234567", Unreachable: "200",
		DoNotDisturb: true, RingTime: 20 * time.Second, Also: "01711234567", RefuseAnonymous: true, Withhold: true, NoWaiting: true}
}

func put(t *testing.T, s settings.Store, list ...settings.User) {
	t.Helper()
	for _, u := range list {
		if err := s.PutSettings(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, s settings.Store, want ...settings.User) {
	t.Helper()
	got := map[rtc.AOR]settings.User{}
	if err := s.Settings(t.Context(), func(u settings.User) { got[u.AOR] = u }); err != nil {
		t.Fatal(err)
	}
	wanted := map[rtc.AOR]settings.User{}
	for _, u := range want {
		wanted[u.AOR] = u
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%+v\nwant %+v", got, wanted)
	}
}
