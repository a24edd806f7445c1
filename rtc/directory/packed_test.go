package directory

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
)

// What is packed comes back as it was.
func TestPackedAccounts(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_123)
	secret := func(aor rtc.AOR, device string) *Secret {
		return newSecret(newCredential(aor, device, "longenough"+device, now.Add(time.Hour)))
	}
	md5Only := func(aor rtc.AOR) *Secret {
		c, err := Hashes{MD5: fmt.Sprintf("%032x", 77)}.credential(aor, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return newSecret(c)
	}
	for _, a := range []*Account{
		{User: User{AOR: "sip:alice@example.com"}},
		{User: User{AOR: "sip:alice@example.com", DisplayName: "Älice", Enabled: true, Created: now, Changed: now.Add(-time.Hour)},
			Secrets: []*Secret{secret("sip:alice@example.com", "")}},
		{User: User{AOR: "sip:b@example.com.example.org", Enabled: true, Created: now, Changed: now, Mail: "m", Department: "d", Site: "s",
			Extension: "1", Groups: []string{"g", "h"}, Aliases: []rtc.AOR{"tel:+4930", "sip:100@example.com"}, Direct: map[rtc.AOR]string{"tel:+4930": "desk"}},
			Secrets: []*Secret{md5Only("sip:b@example.com.example.org"), secret("sip:b@example.com.example.org", "desk"), secret("sip:b@example.com.example.org", "mobile")}},
		{User: User{AOR: "sip:@example.com", Aliases: []rtc.AOR{"sip:x@example.com"}}},
		{User: User{AOR: "tel:+4930@example.com"}},
	} {
		p := packed(appendAccount(nil, a, "example.com", 0))
		if got := p.account("example.com", make([]seen, len(a.Secrets))); !reflect.DeepEqual(got.User, a.User) || !sameSecrets(got.Secrets, a.Secrets) {
			t.Errorf("%+v became %+v", a, got)
		}
		if got := p.aor("example.com"); got != a.AOR {
			t.Errorf("%s became %s", a.AOR, got)
		}
		for _, other := range []string{string(a.AOR) + "x", string(a.AOR[1:]), "sip:alic@example.com", "tel:alice@example.com", "sip:alice@example.net"} {
			if p.is([]byte(other), "example.com") || !p.is([]byte(a.AOR), "example.com") {
				t.Errorf("%s is taken for %s, or not for itself", a.AOR, other)
			}
		}
	}
}

func sameSecrets(a, b []*Secret) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Credential() != b[i].Credential() || a[i].Identity != b[i].Identity {
			return false
		}
	}
	return true
}

// A shard that is replaced for one user keeps when the secrets of the others were used.
func TestUsesSurviveChangesOfOthers(t *testing.T) {
	d := New(NewMemory(), []string{"example.com"}, slog.New(slog.DiscardHandler))
	name := func(i int) rtc.AOR { return rtc.AOR(fmt.Sprintf("sip:u%d@example.com", i)) }
	const n = 3 * shardCount // some in each shard
	for i := range n {
		add(t, d, name(i))
	}
	start := time.Unix(1_800_000_000, 0)
	for i := range n {
		a, _ := d.Lookup([]byte(name(i).User()), []byte("example.com"))
		a.Secrets[0].Use(start.Add(time.Duration(i) * time.Second))
	}
	for i := range n {
		if i%3 == 0 {
			if err := d.Delete(t.Context(), name(i)); err != nil {
				t.Fatal(err)
			}
		} else if err := d.Disable(t.Context(), name(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		want := start.Add(time.Duration(i) * time.Second)
		if i%3 == 0 {
			want = time.Time{}
		}
		if got := d.LastUsed(name(i)); !got.Equal(want) {
			t.Errorf("%s was used at %v, not %v", name(i), got, want)
		}
	}
}

// Uses that could not be kept are written the next time.
func TestUsesAreKeptAfterAFailure(t *testing.T) {
	d, m := newDirectory(t)
	add(t, d, "sip:alice@example.com")
	if _, _, err := d.AddDevice(t.Context(), "sip:alice@example.com", "desk"); err != nil {
		t.Fatal(err)
	}
	a, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	used := time.Unix(1_800_000_000, 0)
	a.Secrets[1].Use(used)
	m.failAfter = 0
	if err := d.KeepUse(t.Context(), time.Hour); err == nil {
		t.Error("kept by a store that fails")
	}
	m.failAfter = -1
	if err := d.KeepUse(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := m.uses[credentialKey("sip:alice@example.com", "desk")]; !got.Equal(used) || len(m.uses) != 1 {
		t.Errorf("kept %v", m.uses)
	}
}

// Hashes for algorithms that are not accepted are in the Store alone, and stay there
// whatever is changed of their user.
func TestHashesNotAcceptedStayInTheStore(t *testing.T) {
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	for _, c := range []struct {
		accepted    []digest.Algorithm
		sha512, md5 bool
	}{
		{[]digest.Algorithm{digest.SHA256, digest.MD5}, false, true},
		{[]digest.Algorithm{digest.SHA512256, digest.SHA256}, true, false},
		{[]digest.Algorithm{digest.MD5, digest.SHA512256}, true, true},
	} {
		store := NewMemory()
		open := func(accepted ...digest.Algorithm) *Directory {
			d := New(store, []string{"example.com"}, log)
			if len(accepted) > 0 {
				d.Accept(accepted...)
			}
			if err := d.Load(ctx); err != nil {
				t.Fatal(err)
			}
			return d
		}
		check := func(d *Directory, sha512, long bool) {
			t.Helper()
			a, _ := d.Lookup([]byte("alice"), []byte("example.com"))
			if a == nil || len(a.Secrets) != 2 {
				t.Fatalf("%+v", a)
			}
			for i, password := range []string{"of-alice-herself", "of-her-desk-phone"} {
				want := newCredential(a.AOR, "", password, time.Time{})
				if !sha512 {
					want.SHA512256 = [32]byte{}
				}
				if !long {
					want.MD5Long = [3][16]byte{}
				}
				got := a.Secrets[i]
				if got.MD5 != want.MD5 || got.SHA256 != want.SHA256 || got.SHA512256 != want.SHA512256 || got.MD5Long != want.MD5Long {
					t.Errorf("secret %d, accepted %v: %+v", i, c.accepted, got)
				}
			}
		}
		d := open(c.accepted...)
		if _, err := d.Add(ctx, AddUser{AOR: "sip:alice@example.com", Password: "another-at-first"}); err != nil {
			t.Fatal(err)
		}
		if err := d.SetDevice(ctx, "sip:alice@example.com", "desk", "of-her-desk-phone"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SetPassword(ctx, "sip:alice@example.com", "of-alice-herself"); err != nil {
			t.Fatal(err)
		}
		check(d, c.sha512, c.md5)
		d = open(c.accepted...)
		if err := d.Disable(ctx, "sip:alice@example.com"); err != nil {
			t.Fatal(err)
		}
		check(d, c.sha512, c.md5)
		check(open(), true, true)
	}
}

// TestSettle: accounts are unpacked anew afterwards, and uses of their secrets are
// those of before, also through accounts that are still held.
func TestSettle(t *testing.T) {
	d, _ := newDirectory(t)
	if _, err := d.Import(t.Context(), strings.NewReader("settled,Settled,longenough\n")); err != nil {
		t.Fatal(err)
	}
	before, _ := d.Lookup([]byte("settled"), []byte("example.com"))
	d.Settle()
	for i := range d.accounts.shards {
		s := d.accounts.shards[i].Load()
		for k := range s.recent {
			if a := s.recent[k].Load(); a != nil {
				t.Fatalf("%s is still unpacked", a.AOR)
			}
		}
	}
	now := time.Unix(1_800_000_000, 0)
	before.Secrets[0].Use(now)
	after, _ := d.Lookup([]byte("settled"), []byte("example.com"))
	if after == nil || after.AOR != before.AOR || after.Secrets[0].SHA256 != before.Secrets[0].SHA256 {
		t.Fatal("another account after Settle")
	}
	if !after.Secrets[0].LastUsed().Equal(now) {
		t.Errorf("used %v, want %v", after.Secrets[0].LastUsed(), now)
	}
}
