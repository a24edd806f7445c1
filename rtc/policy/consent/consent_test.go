package consent_test

import (
	"errors"
	"fmt"
	"testing"

	"tandem/rtc"
	"tandem/rtc/policy/consent"
	"tandem/rtc/policy/consent/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (consent.Store, func() consent.Store) {
		s := consent.NewMemory()
		return s, func() consent.Store { return s }
	})
}

const bob rtc.AOR = "sip:bob@example.com"

func TestDecide(t *testing.T) {
	b := consent.New(consent.NewMemory(), consent.Allow, nil)
	for _, r := range []consent.Rule{
		{Kind: consent.User, Name: "sip:alice@example.com", Action: consent.Block},
		{Kind: consent.Group, Name: "sales", Action: consent.PoliteBlock},
		{Kind: consent.Group, Name: "managers", Action: consent.Allow},
		{Kind: consent.Domain, Name: "example.com", Action: consent.Confirm},
		{Kind: consent.Everyone, Action: consent.Block},
	} {
		if err := b.Set(t.Context(), bob, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		who  consent.Watcher
		want consent.Action
	}{
		{consent.Watcher{AOR: bob, Proved: true}, consent.Allow},
		{consent.Watcher{AOR: "sip:alice@example.com", Groups: []string{"managers"}, Proved: true}, consent.Block},
		{consent.Watcher{AOR: "sip:carol@example.com", Groups: []string{"sales"}, Proved: true}, consent.PoliteBlock},
		{consent.Watcher{AOR: "sip:carol@example.com", Groups: []string{"sales", "managers"}, Proved: true}, consent.Allow},
		{consent.Watcher{AOR: "sip:carol@example.com", Groups: []string{"managers"}}, consent.Confirm}, // says so, but has not proved it
		{consent.Watcher{AOR: "sip:carol@sub.example.com", Proved: true}, consent.Confirm},
		{consent.Watcher{AOR: "sip:carol@badexample.com", Proved: true}, consent.Block},
		{consent.Watcher{AOR: bob}, consent.Confirm},
	} {
		if got, _ := b.Decide(bob, c.who); got != c.want {
			t.Errorf("%+v gets %s, want %s", c.who, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	s := consent.NewMemory()
	b := consent.New(s, consent.Confirm, nil)
	told := 0
	b.Watch(func(rtc.AOR) { told++ })
	alice := consent.Rule{Kind: consent.User, Name: "sip:alice@example.com", Action: consent.Allow}
	if err := errors.Join(b.Set(t.Context(), bob, alice), b.Set(t.Context(), "sip:carol@example.com", alice)); err != nil {
		t.Fatal(err)
	}
	b = consent.New(s, consent.Confirm, nil)
	if err := b.Load(t.Context()); err != nil || len(b.Rules(bob)) != 1 {
		t.Fatalf("%v %v", err, b.Rules(bob))
	}
	if err := b.Forget(t.Context(), "sip:alice@example.com"); err != nil || len(b.Rules(bob))+len(b.Rules("sip:carol@example.com")) != 0 {
		t.Errorf("%v: rules about one who is there no more", err)
	}
	if told != 2 {
		t.Errorf("told %d times", told)
	}
	for _, bad := range []consent.Rule{{Kind: "x", Action: consent.Allow}, {Kind: consent.User, Action: consent.Allow}, {Kind: consent.Everyone, Name: "x", Action: consent.Allow}, {Kind: consent.Everyone, Action: "x"}} {
		if err := b.Set(t.Context(), bob, bad); !errors.Is(err, consent.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for i := range consent.MaxRules {
		if err := b.Set(t.Context(), bob, consent.Rule{Kind: consent.Group, Name: fmt.Sprint(i), Action: consent.Allow}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Set(t.Context(), bob, alice); !errors.Is(err, consent.ErrTooMany) {
		t.Errorf("%v", err)
	}
}
