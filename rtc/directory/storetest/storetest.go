// Package storetest checks implementations of directory.Store: what one of them
// promises all do.
package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s directory.Store, again func() directory.Store)) {
	for name, check := range map[string]func(*testing.T, directory.Store, func() directory.Store){
		"all fields survive":              fields,
		"put replaces":                    replaces,
		"many are put all or none":        allOrNone,
		"an alias has one owner":          oneOwner,
		"an extension of a site has one":  oneExtension,
		"delete takes all of a user":      deletes,
		"what is put may be changed then": copies,
		"uses are replaced as a whole":    uses,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

var day = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func user(name string, aliases ...rtc.AOR) directory.User {
	return directory.User{AOR: rtc.AOR("sip:" + name + "@example.com"), DisplayName: "Ä " + name, Enabled: true,
		Mail: name + "@elsewhere.example", Department: "Sales", Site: "Köln", Groups: []string{"a group", "other"},
		Aliases: aliases, Created: day, Changed: day.Add(time.Hour)}
}

func credential(name, device string) directory.Credential {
	c := directory.Credential{AOR: rtc.AOR("sip:" + name + "@example.com"), Device: device, Username: name, Realm: "example.com",
		Created: day, LastUsed: day.Add(time.Minute)}
	for i := range c.SHA256 {
		c.SHA256[i], c.SHA512256[i], c.MD5[i/2], c.MD5Long[i%3][i/2] = byte(i), byte(2*i), byte(3*i), byte(4*i)
	}
	return c
}

// users and credentials are what the store holds, times in UTC.
func users(t *testing.T, s directory.Store) (all []directory.User) {
	t.Helper()
	err := s.Users(t.Context(), func(u directory.User) {
		u.Created, u.Changed = u.Created.UTC(), u.Changed.UTC()
		all = append(all, u)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func credentials(t *testing.T, s directory.Store) (all []directory.Credential) {
	t.Helper()
	err := s.Credentials(t.Context(), func(c directory.Credential) {
		c.Created, c.LastUsed = c.Created.UTC(), c.LastUsed.UTC()
		all = append(all, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// must ends the test at the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, s directory.Store, wantUsers []directory.User, want []directory.Credential) {
	t.Helper()
	if got := users(t, s); !reflect.DeepEqual(got, wantUsers) {
		t.Errorf("users\n got %+v\nwant %+v", got, wantUsers)
	}
	if got := credentials(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("credentials\n got %+v\nwant %+v", got, want)
	}
}

func fields(t *testing.T, s directory.Store, again func() directory.Store) {
	all := []directory.User{user("alice", "sip:100@example.com", "tel:+4930123"), user("bob")}
	all[0].Extension = "100"
	all[1].Mail, all[1].Department, all[1].Site, all[1].Groups = "", "", "", nil
	all[1].Enabled, all[1].Created, all[1].Changed = false, time.Time{}, time.Time{}
	secrets := []directory.Credential{credential("alice", ""), credential("alice", "desk ☎"), credential("bob", "")}
	secrets[2].LastUsed = time.Time{}
	must(t, s.PutUser(t.Context(), all[0]), s.PutUsers(t.Context(), all[1:], secrets[1:]), s.PutCredential(t.Context(), secrets[0]))
	holds(t, s, all, secrets)
	holds(t, again(), all, secrets)
}

func replaces(t *testing.T, s directory.Store, again func() directory.Store) {
	must(t, s.PutUser(t.Context(), user("alice", "sip:100@example.com", "sip:101@example.com")), s.PutCredential(t.Context(), credential("alice", "desk")))
	u, c := user("alice", "sip:101@example.com", "sip:102@example.com"), credential("alice", "desk")
	u.Mail, u.Department, u.Site, u.Extension, u.Groups = "x@y", "D", "S", "7", nil
	u.DisplayName, u.Enabled, c.LastUsed, c.MD5 = "Other", false, day.Add(time.Hour), [16]byte{7}
	must(t, s.PutUser(t.Context(), u), s.PutCredential(t.Context(), c))
	must(t, s.PutUser(t.Context(), user("bob", "sip:100@example.com"))) // is free again
	holds(t, again(), []directory.User{u, user("bob", "sip:100@example.com")}, []directory.Credential{c})
}

func allOrNone(t *testing.T, s directory.Store, again func() directory.Store) {
	old := user("old", "tel:+4930123")
	must(t, s.PutUser(t.Context(), old))
	err := s.PutUsers(t.Context(), []directory.User{user("a"), user("b"), user("c", "tel:+4930123")},
		[]directory.Credential{credential("a", "")})
	if !errors.Is(err, directory.ErrExists) {
		t.Errorf("a taken alias: %v", err)
	}
	holds(t, again(), []directory.User{old}, nil)
}

func oneOwner(t *testing.T, s directory.Store, _ func() directory.Store) {
	must(t, s.PutUser(t.Context(), user("alice", "sip:100@example.com")))
	if err := s.PutUser(t.Context(), user("bob", "sip:100@example.com")); !errors.Is(err, directory.ErrExists) {
		t.Errorf("a taken alias: %v", err)
	}
	holds(t, s, []directory.User{user("alice", "sip:100@example.com")}, nil)
}

func oneExtension(t *testing.T, s directory.Store, _ func() directory.Store) {
	all := []directory.User{user("alice"), user("bob"), user("carol")}
	all[0].Extension, all[1].Extension, all[1].Site = "100", "100", ""
	must(t, s.PutUsers(t.Context(), all, nil)) // one a site, and one who has none
	dave := user("dave")
	dave.Extension = "100"
	if err := s.PutUser(t.Context(), dave); !errors.Is(err, directory.ErrExists) {
		t.Errorf("a taken extension: %v", err)
	}
	holds(t, s, all, nil)
	all[0].Extension = ""
	must(t, s.PutUser(t.Context(), all[0]), s.PutUser(t.Context(), dave)) // is free again
}

func deletes(t *testing.T, s directory.Store, again func() directory.Store) {
	must(t, s.PutUsers(t.Context(), []directory.User{user("alice", "sip:100@example.com"), user("bob")},
		[]directory.Credential{credential("alice", ""), credential("alice", "desk"), credential("bob", ""), credential("bob", "a"), credential("bob", "b")}))
	must(t, s.DeleteUser(t.Context(), "sip:alice@example.com"), s.DeleteUser(t.Context(), "sip:nobody@example.com"),
		s.DeleteDevice(t.Context(), user("bob", "sip:200@example.com"), "a"))
	must(t, s.PutUser(t.Context(), user("carol", "sip:100@example.com"))) // is free again
	holds(t, again(), []directory.User{user("bob", "sip:200@example.com"), user("carol", "sip:100@example.com")},
		[]directory.Credential{credential("bob", ""), credential("bob", "b")})
}

func uses(t *testing.T, s directory.Store, again func() directory.Store) {
	all := []directory.Credential{credential("alice", ""), credential("alice", "desk"), credential("bob", "")}
	must(t, s.PutUsers(t.Context(), nil, all))
	put := func(list ...directory.Use) { must(t, s.PutUses(t.Context(), slices.Values(list))) }
	at := func(h int) time.Time { return day.Add(time.Duration(h) * time.Hour) }
	put(directory.Use{AOR: all[0].AOR, Used: at(1)}, directory.Use{AOR: all[1].AOR, Device: "desk", Used: at(2)}, directory.Use{AOR: "sip:gone@example.com", Used: at(3)})
	s = again()
	all[0].LastUsed, all[1].LastUsed = at(1), at(2)
	holds(t, s, nil, all)
	put(directory.Use{AOR: all[2].AOR, Used: at(4)}, directory.Use{AOR: all[1].AOR, Device: "desk", Used: day.Add(-time.Hour)})
	s = again()
	all[0].LastUsed, all[1].LastUsed, all[2].LastUsed = day.Add(time.Minute), day.Add(time.Minute), at(4) // earlier ones do not count
	holds(t, s, nil, all)
}

func copies(t *testing.T, s directory.Store, again func() directory.Store) {
	u := user("alice", "sip:100@example.com")
	u.Direct = map[rtc.AOR]string{"sip:100@example.com": "desk"}
	all := []directory.User{user("bob", "sip:200@example.com")}
	must(t, s.PutUser(t.Context(), u), s.PutUsers(t.Context(), all, nil))
	u.Aliases[0], all[0].Aliases[0], all[0].DisplayName = "sip:x@example.com", "sip:y@example.com", "z"
	u.Direct["sip:100@example.com"] = "other"
	got := users(t, again())
	if len(got) != 2 || got[0].Direct["sip:100@example.com"] != "desk" || len(got[1].Direct) != 0 || !slices.Equal(got[0].Aliases, []rtc.AOR{"sip:100@example.com"}) || !slices.Equal(got[1].Aliases, []rtc.AOR{"sip:200@example.com"}) {
		t.Errorf("%+v", got)
	}
}
