package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/inventory"
	"tandem/sipphone/secret"
)

// devices are the directory's device secrets.
type devices map[string]string

func (d devices) Known(aor rtc.AOR) bool { return aor != "sip:nobody@example.com" }
func (d devices) SetDevice(_ context.Context, aor rtc.AOR, device, password string) error {
	d[string(aor)+" "+device] = password
	return nil
}
func (d devices) RevokeDevice(_ context.Context, aor rtc.AOR, device string) error {
	delete(d, string(aor)+" "+device)
	return nil
}

func open(t *testing.T, store inventory.Store, d devices) *inventory.Inventory {
	t.Helper()
	keeper, err := secret.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := family.Load("", nil)
	v := inventory.New(inventory.Config{Store: store, Users: d, Secrets: keeper, Families: func() *family.Set { return set }, Window: time.Hour, PerUser: 3, Log: slog.New(slog.DiscardHandler)})
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

func phone(mac string, users ...string) sipphone.Phone {
	p := sipphone.Phone{MAC: sipphone.MAC(mac), Family: "yealink"}
	for _, u := range users {
		p.Lines = append(p.Lines, sipphone.Line{User: rtc.AOR("sip:" + u + "@example.com")})
	}
	return p
}

// TestDevices: the directory has exactly the secrets of the lines there are, also
// after a change that was cut short.
func TestDevices(t *testing.T) {
	store, d := inventory.NewMemory(), devices{}
	v := open(t, store, d)
	const mac = sipphone.MAC("001565000001")
	if err := v.Add(t.Context(), phone(string(mac), "alice", "sales")); err != nil {
		t.Fatal(err)
	}
	if len(d) != 2 || d["sip:alice@example.com phone-001565000001-1"] == "" {
		t.Errorf("%v", d)
	}
	if _, err := v.Change(t.Context(), mac, func(p *sipphone.Phone) error { p.Lines = p.Lines[1:]; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(d) != 1 || d["sip:sales@example.com phone-001565000001-1"] == "" {
		t.Errorf("after a line left: %v", d)
	}
	clear(d) // as if the program had died between the Store and the directory
	v = open(t, store, d)
	if len(d) != 1 {
		t.Errorf("after a start: %v", d)
	}
	old := d["sip:sales@example.com phone-001565000001-1"]
	if _, err := v.Change(t.Context(), mac, func(p *sipphone.Phone) error { p.Generation++; return nil }); err != nil {
		t.Fatal(err)
	}
	if now := d["sip:sales@example.com phone-001565000001-1"]; now == old || now == "" {
		t.Error("the secret is not renewed")
	}
	if err := v.Remove(t.Context(), mac); err != nil || len(d) != 0 {
		t.Errorf("after the removal: %v, %v", d, err)
	}
}

// TestRefusals: what cannot be is refused, and leaves nothing.
func TestRefusals(t *testing.T) {
	store, d := inventory.NewMemory(), devices{}
	v := open(t, store, d)
	if err := v.Add(t.Context(), phone("001565000001", "alice")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		err  error
		add  []sipphone.Phone
	}{
		{"two phones with one MAC", sipphone.ErrExists, []sipphone.Phone{phone("001565000001", "bob")}},
		{"two with one MAC at once", sipphone.ErrExists, []sipphone.Phone{phone("001565000002"), phone("001565000002")}},
		{"a family that is none", sipphone.ErrInvalid, []sipphone.Phone{{MAC: "001565000003", Family: "x"}}},
		{"more lines than a user may have, at once", sipphone.ErrTooMany, []sipphone.Phone{phone("001565000005", "bob"), phone("001565000006", "bob"), phone("001565000007", "bob"), phone("001565000008", "bob")}},
		{"more lines than a user may have, on one phone", sipphone.ErrTooMany, []sipphone.Phone{phone("001565000005", "bob", "bob", "bob", "bob")}},
		{"a user who is none", sipphone.ErrInvalid, []sipphone.Phone{phone("001565000003"), phone("001565000004", "nobody")}},
	} {
		if err := v.Add(t.Context(), c.add...); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	for i := range 2 {
		if err := v.Add(t.Context(), phone(fmt.Sprintf("00156500001%d", i), "alice")); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Add(t.Context(), phone("001565000020", "alice")); !errors.Is(err, sipphone.ErrTooMany) {
		t.Errorf("the fourth phone of three with a line: %v", err)
	}
	if _, err := v.Change(t.Context(), "001565000001", func(p *sipphone.Phone) error { p.Lines = append(p.Lines, p.Lines[0]); return nil }); !errors.Is(err, sipphone.ErrTooMany) {
		t.Errorf("a fourth line of three: %v", err)
	}
	if v.Count() != 3 || len(d) != 3 || len(v.Of("sip:alice@example.com")) != 3 {
		t.Errorf("%d phones, %v", v.Count(), d)
	}
	if _, err := v.Change(t.Context(), "001565000099", func(*sipphone.Phone) error { return nil }); !errors.Is(err, sipphone.ErrUnknown) {
		t.Error(err)
	}
}

// TestWindow: it opens and narrows, and survives a restart.
func TestWindow(t *testing.T) {
	store := inventory.NewMemory()
	v := open(t, store, devices{})
	const mac = sipphone.MAC("001565000001")
	if err := v.Add(t.Context(), phone(string(mac))); err != nil {
		t.Fatal(err)
	}
	rest := func(v *inventory.Inventory) time.Duration {
		p, err := v.Get(mac)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(p.Window).Round(time.Minute)
	}
	if rest(v) != time.Hour {
		t.Errorf("opens for %s", rest(v))
	}
	for _, c := range []struct {
		f    func(context.Context, sipphone.MAC, time.Duration) error
		by   time.Duration
		want time.Duration
	}{{v.Narrow, 10 * time.Minute, 10 * time.Minute}, {v.Narrow, time.Hour, 10 * time.Minute}, {v.Open, 5 * time.Minute, 10 * time.Minute}, {v.Open, 20 * time.Minute, 20 * time.Minute}} {
		if err := c.f(t.Context(), mac, c.by); err != nil || rest(v) != c.want {
			t.Errorf("%s: open for %s, want %s (%v)", c.by, rest(v), c.want, err)
		}
	}
	if again := open(t, store, devices{}); rest(again) != 20*time.Minute {
		t.Errorf("after a restart open for %s", rest(again))
	}
}

// TestSeen: a phone that registers and asks for no file has a time of its last contact,
// and a file that it asks for then does not take it away.
func TestSeen(t *testing.T) {
	v := open(t, inventory.NewMemory(), devices{})
	const mac = sipphone.MAC("001565000001")
	if err := v.Add(t.Context(), phone(string(mac))); err != nil {
		t.Fatal(err)
	}
	v.Registered(mac, "Yealink SIP-T27G", family.Agent{Model: "T27G"}, "192.0.2.1")
	s, ok := v.LastSeen(mac)
	if !ok || s.Registered.IsZero() || !s.Fetched.IsZero() {
		t.Errorf("after it registered: %+v", s)
	}
	v.Note(inventory.Seen{MAC: mac, File: "x.cfg", Fetched: time.Now()})
	if n, _ := v.LastSeen(mac); !n.Registered.Equal(s.Registered) || n.Fetched.IsZero() || n.Model != "T27G" {
		t.Errorf("after it asked for a file: %+v", n)
	}
}

// TestInbox is bounded, and the one unseen for longest makes room.
func TestInbox(t *testing.T) {
	v := open(t, inventory.NewMemory(), devices{})
	for i := range 1200 {
		v.Ask(inventory.Unknown{MAC: sipphone.MAC(fmt.Sprintf("001565%06x", i)), Family: "yealink"})
	}
	v.Ask(inventory.Unknown{MAC: "001565000400"})
	list := v.Inbox()
	if len(list) != 1000 || list[0].MAC != "001565000400" || list[0].Count != 2 || list[0].Family != "yealink" {
		t.Errorf("%d, the latest %+v", len(list), list[0])
	}
	if err := v.Add(t.Context(), phone("001565000400")); err != nil || len(v.Inbox()) != 999 {
		t.Errorf("%d after one was added, %v", len(v.Inbox()), err)
	}
}
