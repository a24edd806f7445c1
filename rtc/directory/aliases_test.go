package directory

import (
	"context"
	"errors"
	"testing"

	"tandem/rtc"
)

func TestAliasesChange(t *testing.T) {
	d, store := newDirectory(t)
	ctx := context.Background()
	add(t, d, "sip:alice@example.com", "tel:+4930123", "sip:+4930123@example.com")
	add(t, d, "sip:bob@example.com", "100")
	const alice = rtc.AOR("sip:alice@example.com")
	finds := func(aor rtc.AOR) bool {
		a, ok := d.Resolve(aor)
		return ok && a.AOR == alice
	}
	for range 2 { // what is there already is no error
		if err := d.AddAlias(ctx, alice, "200"); err != nil || !finds("sip:200@example.com") {
			t.Fatalf("%v, found %t", err, finds("sip:200@example.com"))
		}
	}
	if err := d.RemoveAlias(ctx, alice, "+49 30 123"); err != nil || finds("tel:+4930123") || !finds("sip:+4930123@example.com") {
		t.Errorf("%v; the number is found: %t, the address of its spelling: %t", err, finds("tel:+4930123"), finds("sip:+4930123@example.com"))
	}
	for _, c := range []struct {
		err, want error
	}{
		{d.AddAlias(ctx, alice, "100"), ErrExists},
		{d.AddAlias(ctx, alice, "bob"), ErrExists},
		{d.AddAlias(ctx, alice, "tel:12"), ErrInvalid},
		{d.AddAlias(ctx, "sip:nobody@example.com", "300"), ErrUnknownUser},
		{d.RemoveAlias(ctx, alice, "100"), ErrUnknownAlias},
		{d.RemoveAlias(ctx, alice, "alice"), ErrUnknownAlias},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
	if !finds(alice) || len(store.users[alice].Aliases) != 2 {
		t.Errorf("found %t; stored %v", finds(alice), store.users[alice].Aliases)
	}
}

// A name, an address and an alias all mean the user.
func TestNamed(t *testing.T) {
	d, _ := newDirectory(t)
	add(t, d, "sip:alice@example.com", "100")
	for _, name := range []string{"alice", "alice@example.com", "sip:alice@example.com", "100"} {
		if aor, err := d.Named(name); err != nil || aor != "sip:alice@example.com" {
			t.Errorf("%s: %s, %v", name, aor, err)
		}
	}
	if _, err := d.Named("nobody"); !errors.Is(err, ErrUnknownUser) {
		t.Errorf("nobody: %v", err)
	}
}

// A number leads to one device for as long as the user has both.
func TestDirectNumbers(t *testing.T) {
	d, store := newDirectory(t)
	const alice, number, door = rtc.AOR("sip:alice@example.com"), "+49301234", "urn:uuid:00000000-0000-1000-8000-000A95A0E128"
	add(t, d, alice, "+49301111")
	if _, _, err := d.AddDevice(t.Context(), alice, "desk"); err != nil {
		t.Fatal(err)
	}
	leads := func(address rtc.AOR) string {
		u, _ := d.Resolve(address)
		return u.DeviceOf(address)
	}
	for _, c := range []struct {
		change func() error
		want   string // where the number leads then
	}{
		{func() error { return d.AddDirect(t.Context(), alice, number, "desk") }, "desk"},
		{func() error { return d.AddAlias(t.Context(), alice, "+49302222") }, "desk"},
		{func() error { return d.AddDirect(t.Context(), alice, number, door) }, door},
		{func() error { return d.AddAlias(t.Context(), alice, number) }, ""},
		{func() error { return d.AddDirect(t.Context(), alice, number, "desk") }, "desk"},
		{func() error { return d.RemoveAlias(t.Context(), alice, number) }, ""},
		{func() error { return d.AddAlias(t.Context(), alice, number) }, ""},
		{func() error { return d.AddDirect(t.Context(), alice, number, "desk") }, "desk"},
		{func() error { return d.Change(t.Context(), alice, Change{Numbers: &[]string{number}}) }, "desk"},
		{func() error { return d.RevokeDevice(t.Context(), alice, "desk") }, ""},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		for _, address := range []rtc.AOR{"tel:" + number, "sip:" + number + "@example.com"} {
			if got := leads(address); got != c.want {
				t.Errorf("%s leads to %q, want %q", address, got, c.want)
			}
		}
		if got := store.users[alice].Direct["tel:"+number]; got != c.want {
			t.Errorf("stored: it leads to %q, want %q", got, c.want)
		}
	}
	if len(store.credentials) != 1 {
		t.Errorf("stored: %d credentials, want the user's own", len(store.credentials))
	}
	if got := leads("tel:+49301111"); got != "" {
		t.Errorf("another number leads to %q", got)
	}
	for _, c := range []struct{ err, want error }{
		{d.AddDirect(t.Context(), alice, number, "desk"), ErrUnknownDevice},
		{d.AddDirect(t.Context(), alice, number, "urn:uuid:<>"), ErrInvalid},
		{d.AddDirect(t.Context(), alice, string(alice), door), ErrInvalid},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
}

// A disk that takes one more write and no other has a device revoked altogether.
func TestRevokedInOneWrite(t *testing.T) {
	d, store := newDirectory(t)
	const alice, number = rtc.AOR("sip:alice@example.com"), "+49301234"
	add(t, d, alice)
	if _, _, err := d.AddDevice(t.Context(), alice, "desk"); err != nil {
		t.Fatal(err)
	}
	if err := d.AddDirect(t.Context(), alice, number, "desk"); err != nil {
		t.Fatal(err)
	}
	store.failAfter = 1
	if err := d.RevokeDevice(t.Context(), alice, "desk"); err != nil {
		t.Fatal(err)
	}
	if u := store.users[alice]; len(u.Direct) != 0 || len(store.credentials) != 1 {
		t.Errorf("stored: %v, %d credentials", u.Direct, len(store.credentials))
	}
}
