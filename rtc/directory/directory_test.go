package directory

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
)

func newDirectory(t testing.TB) (*Directory, *memory) {
	t.Helper()
	m := newMemory()
	d := New(m, []string{"Example.com", "second.example"}, slog.New(slog.DiscardHandler))
	if err := d.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d, m
}

func add(t testing.TB, d *Directory, aor rtc.AOR, aliases ...rtc.AOR) string {
	t.Helper()
	password, err := d.Add(context.Background(), AddUser{AOR: aor, Aliases: aliases})
	if err != nil {
		t.Fatal(err)
	}
	return password
}

func TestAddedUserIsFoundByEveryAddress(t *testing.T) {
	d, m := newDirectory(t)
	add(t, d, "sip:alice@example.com", "tel:+49 30 123", "100", "sip:al@second.example")
	for _, again := range []bool{false, true} { // in memory, and after a restart
		if again {
			d = New(m, []string{"example.com", "second.example"}, slog.New(slog.DiscardHandler))
			if err := d.Load(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		for _, aor := range []rtc.AOR{"sip:alice@example.com", "tel:+4930123", "sip:+4930123@example.com",
			"sip:100@example.com", "sip:al@second.example"} {
			if u, ok := d.Resolve(aor); !ok || u.AOR != "sip:alice@example.com" {
				t.Errorf("Resolve(%s) = %v, %v", aor, u.AOR, ok)
			}
			if _, ok := d.User(aor); ok != (aor == "sip:alice@example.com") {
				t.Errorf("User(%s) = %v", aor, ok)
			}
			a, _ := d.Lookup([]byte("alice"), []byte("example.com"))
			if a == nil || !a.Owns([]byte(aor)) {
				t.Errorf("alice does not own %s", aor)
			}
		}
		for _, aor := range []rtc.AOR{"sip:100@second.example", "sip:+4930123@second.example", "tel:+4930124", "sip:alice@other.example"} {
			if _, ok := d.Resolve(aor); ok {
				t.Errorf("Resolve(%s) found somebody", aor)
			}
			if a, _ := d.Lookup([]byte("alice"), []byte("example.com")); a.Owns([]byte(aor)) {
				t.Errorf("alice owns %s", aor)
			}
		}
	}
}

func TestLookupBySpelling(t *testing.T) {
	d, _ := newDirectory(t)
	password := add(t, d, "sip:100@example.com")
	cases := []struct {
		username string
		found    bool
		spelling Spelling
	}{
		{"100", true, Plain},
		{"100@example.com", true, WithDomain},
		{"sip:100@example.com", true, WithScheme},
		{"sip:100@example.com:5060", true, WithSchemePort},
		{"sip:100@example.com:5062", false, Plain},
		{"100@second.example", false, Plain},
		{"sip:100", false, Plain},
		{"@example.com", false, Plain},
		{"", false, Plain},
		{strings.Repeat("x", 5000), false, Plain},
	}
	for _, c := range cases {
		a, spelling := d.Lookup([]byte(c.username), []byte("example.com"))
		if (a != nil) != c.found || spelling != c.spelling {
			t.Errorf("Lookup(%.30q) = %v, %v", c.username, a, spelling)
			continue
		}
		if !c.found {
			continue
		}
		want := md5.Sum([]byte(c.username + ":example.com:" + password))
		got := a.Secrets[0].MD5
		if spelling != Plain {
			got = a.Secrets[0].MD5Long[spelling-1]
		}
		if got != want {
			t.Errorf("%s: H(A1) is not over the name as spelled", c.username)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	d, _ := newDirectory(t)
	add(t, d, "sip:alice@example.com")
	name, realm, aor := []byte("alice"), []byte("example.com"), rtc.AOR("sip:alice@example.com")
	host := []byte("EXAMPLE.com")
	n := testing.AllocsPerRun(100, func() {
		a, _ := d.Lookup(name, realm)
		_, found := d.Resolve(aor)
		if a == nil || !found || !d.Domain(host) {
			t.Fatal("not found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAddRefuses(t *testing.T) {
	d, _ := newDirectory(t)
	add(t, d, "sip:alice@example.com", "100", "tel:+4930123")
	cases := []struct {
		name string
		add  AddUser
		want error
	}{
		{"same user", AddUser{AOR: "sip:alice@example.com"}, ErrExists},
		{"name is an alias", AddUser{AOR: "sip:100@example.com"}, ErrExists},
		{"name is the number of an alias", AddUser{AOR: "sip:+4930123@example.com"}, ErrExists},
		{"alias is a user", AddUser{AOR: "sip:bob@example.com", Aliases: []rtc.AOR{"alice"}}, ErrExists},
		{"alias is taken", AddUser{AOR: "sip:bob@example.com", Aliases: []rtc.AOR{"tel:+49-30-123"}}, ErrExists},
		{"foreign domain", AddUser{AOR: "sip:bob@elsewhere.example"}, ErrUnknownDomain},
		{"upper-case domain", AddUser{AOR: "sip:bob@EXAMPLE.com"}, ErrUnknownDomain},
		{"no name", AddUser{AOR: "sip:@example.com"}, ErrInvalid},
		{"no scheme", AddUser{AOR: "bob@example.com"}, ErrInvalid},
		{"quote in name", AddUser{AOR: `sip:b"b@example.com`}, ErrInvalid},
		{"colon in name", AddUser{AOR: "sip:b:b@example.com"}, ErrInvalid},
		{"line break in name", AddUser{AOR: "sip:b\r\nb@example.com"}, ErrInvalid},
		{"long name", AddUser{AOR: rtc.AOR("sip:" + strings.Repeat("b", 65) + "@example.com")}, ErrInvalid},
		{"line break in display name", AddUser{AOR: "sip:bob@example.com", DisplayName: "Bob\n"}, ErrInvalid},
		{"short password", AddUser{AOR: "sip:bob@example.com", Password: "1234"}, ErrInvalid},
		{"number without +", AddUser{AOR: "sip:bob@example.com", Aliases: []rtc.AOR{"tel:123"}}, ErrInvalid},
	}
	for _, c := range cases {
		if _, err := d.Add(context.Background(), c.add); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := len(d.Users()); n != 1 {
		t.Errorf("%d users, want 1", n)
	}
}

func TestGeneratedPassword(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := generate()
		letters := strings.ReplaceAll(p, "-", "")
		if strings.ContainsAny(letters, "iIlLoO01") || strings.Trim(letters, alphabet) != "" {
			t.Fatalf("%q holds what can be misread", p)
		}
		if bits := float64(len(letters)) * math.Log2(float64(len(alphabet))); bits < 80 {
			t.Fatalf("%v bits", bits)
		}
		if len(p) > 31 || checkPassword(p) != nil {
			t.Fatalf("%q does not fit into a phone", p)
		}
		if seen[p] {
			t.Fatalf("%q came twice", p)
		}
		seen[p] = true
	}
}

func TestDevices(t *testing.T) {
	ctx := context.Background()
	d, m := newDirectory(t)
	add(t, d, "sip:alice@example.com")
	username, password, err := d.AddDevice(ctx, "sip:alice@example.com", "desk")
	if err != nil || username != "alice" || password == "" {
		t.Fatal(username, err)
	}
	if _, _, err := d.AddDevice(ctx, "sip:alice@example.com", "desk"); !errors.Is(err, ErrExists) {
		t.Errorf("second device of a name: %v", err)
	}
	a, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	if len(a.Secrets) != 2 || a.Secrets[0].Identity.Device != "" || a.Secrets[1].Identity.Device != "desk" {
		t.Fatalf("secrets: %+v", a.Secrets)
	}
	used := time.Unix(1_700_000_000, 0)
	a.Secrets[1].Use(used)
	if err := d.KeepUse(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := m.uses["sip:alice@example.com desk"]; !got.Equal(used) {
		t.Errorf("stored last use %v", got)
	}
	a.Secrets[1].Use(used.Add(time.Minute))
	m.failAfter = 0
	if err := d.KeepUse(ctx, time.Hour); err != nil {
		t.Errorf("a use within the hour was written: %v", err)
	}
	m.failAfter = -1
	list, err := d.Devices("sip:alice@example.com")
	if err != nil || len(list) != 1 || list[0].Name != "desk" || !list[0].LastUsed.Equal(used.Add(time.Minute)) {
		t.Errorf("devices %+v, %v", list, err)
	}
	if err := d.RevokeDevice(ctx, "sip:alice@example.com", ""); !errors.Is(err, ErrUnknownDevice) {
		t.Errorf("revoked the own password: %v", err)
	}
	if err := d.RevokeDevice(ctx, "sip:alice@example.com", "desk"); err != nil {
		t.Fatal(err)
	}
	if a, _ := d.Lookup([]byte("alice"), []byte("example.com")); len(a.Secrets) != 1 {
		t.Error("revoked device still opens")
	}
	if len(m.credentials) != 1 {
		t.Errorf("%d credentials stored", len(m.credentials))
	}
	for i := range MaxSecrets - 1 {
		if _, _, err := d.AddDevice(ctx, "sip:alice@example.com", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := d.AddDevice(ctx, "sip:alice@example.com", "more"); !errors.Is(err, ErrTooMany) {
		t.Errorf("unbounded devices: %v", err)
	}
}

func TestChangePasswordDisableDelete(t *testing.T) {
	ctx := context.Background()
	d, m := newDirectory(t)
	aor := rtc.AOR("sip:alice@example.com")
	add(t, d, aor, "100")
	if _, _, err := d.AddDevice(ctx, aor, "desk"); err != nil {
		t.Fatal(err)
	}
	before, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	if _, err := d.SetPassword(ctx, aor, "another password"); err != nil {
		t.Fatal(err)
	}
	after, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	if want := md5.Sum([]byte("alice:example.com:another password")); after.Secrets[0].MD5 != want {
		t.Error("password not changed")
	}
	if after.Secrets[1].Credential() != before.Secrets[1].Credential() {
		t.Error("device secret changed with the password")
	}
	if err := d.Disable(ctx, aor); err != nil {
		t.Fatal(err)
	}
	if u, _ := d.Resolve("sip:100@example.com"); u.Enabled || m.users[aor].Enabled {
		t.Error("not disabled")
	}
	if err := d.Enable(ctx, aor); err != nil {
		t.Fatal(err)
	}
	if u, _ := d.User(aor); !u.Enabled {
		t.Error("not enabled")
	}
	if err := d.Delete(ctx, aor); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Resolve("sip:100@example.com"); ok || len(m.users)+len(m.credentials) != 0 {
		t.Error("not deleted")
	}
	for _, err := range []error{d.Delete(ctx, aor), d.Disable(ctx, aor), d.RevokeDevice(ctx, aor, "desk")} {
		if !errors.Is(err, ErrUnknownUser) {
			t.Errorf("unknown user: %v", err)
		}
	}
}

func TestFailedStoreChangesNothing(t *testing.T) {
	ctx := context.Background()
	d, m := newDirectory(t)
	aor := rtc.AOR("sip:alice@example.com")
	add(t, d, aor)
	before, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	for after := range 2 {
		m.failAfter = after
		if _, err := d.Add(ctx, AddUser{AOR: "sip:bob@example.com"}); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		if _, ok := m.users["sip:bob@example.com"]; ok {
			t.Error("half a user was stored")
		}
	}
	m.failAfter = 0
	_, err1 := d.SetPassword(ctx, aor, "another password")
	_, _, err2 := d.AddDevice(ctx, aor, "desk")
	for _, err := range []error{err1, err2, d.Disable(ctx, aor), d.AddAlias(ctx, aor, "100")} {
		if !errors.Is(err, errDisk) {
			t.Error(err)
		}
	}
	if now, _ := d.Lookup([]byte("alice"), []byte("example.com")); now != before {
		t.Error("memory changed though the store did not")
	}
	if len(d.Users()) != 1 {
		t.Error("bob is here")
	}
}

func TestUsersSorted(t *testing.T) {
	d, _ := newDirectory(t)
	for _, aor := range []rtc.AOR{"sip:a@second.example", "sip:carol@example.com", "sip:bob@example.com"} {
		add(t, d, aor, rtc.AOR("x"+aor.User()))
	}
	var got []rtc.AOR
	for _, u := range d.Users() {
		got = append(got, u.AOR)
	}
	want := []rtc.AOR{"sip:bob@example.com", "sip:carol@example.com", "sip:a@second.example"}
	if !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
}

// TestNoSecretsInLogsOrErrors drives every change, and every failure of the
// store, with a password that must not show up anywhere.
func TestNoSecretsInLogsOrErrors(t *testing.T) {
	const secret = "hunter2-hunter2"
	ctx := context.Background()
	var out bytes.Buffer
	m := newMemory()
	d := New(m, []string{"example.com"}, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err := d.Load(ctx); err != nil {
		t.Fatal(err)
	}
	tell := func(err error) {
		if err != nil {
			fmt.Fprintln(&out, err)
		}
	}
	var generated []string
	for _, failAfter := range []int{0, 1, -1, -1} {
		m.failAfter = failAfter
		_, err := d.Add(ctx, AddUser{AOR: "sip:alice@example.com", Password: secret})
		tell(err)
		_, err = d.SetPassword(ctx, "sip:alice@example.com", secret)
		tell(err)
		_, err = d.SetPassword(ctx, "sip:alice@example.com", secret+"\x00")
		tell(err)
		_, password, err := d.AddDevice(ctx, "sip:alice@example.com", "desk")
		tell(err)
		if password != "" {
			generated = append(generated, password)
		}
		_, err = d.Import(ctx, strings.NewReader("alice,Alice,"+secret+"\nb\"ob,x,"+secret+"\n"))
		tell(err)
		_, err = d.Import(ctx, strings.NewReader("carl,Carl,"+secret+"\ncarl,Carl,"+secret+",\x01\n"))
		tell(err)
	}
	if out.Len() == 0 || len(generated) == 0 {
		t.Fatal("nothing was said")
	}
	for _, s := range append(generated, "hunter2") {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q shows up in:\n%s", s, out.String())
		}
	}
}

func TestImport(t *testing.T) {
	ctx := context.Background()
	d, _ := newDirectory(t)
	add(t, d, "sip:old@example.com")
	good := "\ufeffuser,display,password,aliases\n# a comment\nalice,\"Alice, A.\",longenough,100,+49 30 123\n" +
		"bob@second.example,Bob\n"
	made, err := d.Import(ctx, strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 || made[0].Password != "" || len(made[1].Password) < 20 {
		t.Errorf("%+v", made)
	}
	if u, ok := d.Resolve("tel:+4930123"); !ok || u.DisplayName != "Alice, A." {
		t.Errorf("alice: %+v", u)
	}
	bad := "carol,Carol,\nold,Old,\ncarol,Again,\ndave@elsewhere.example,Dave\n"
	_, err = d.Import(ctx, strings.NewReader(bad))
	if err == nil || !errors.Is(err, ErrExists) || !errors.Is(err, ErrUnknownDomain) {
		t.Fatal(err)
	}
	for _, want := range []string{"line 2:", "line 3:", "by line 1", "line 4:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if len(d.Users()) != 3 {
		t.Error("a bad file added users")
	}
}

func TestImportReadsWhatSpreadsheetsWrite(t *testing.T) {
	alice := User{AOR: "sip:alice@example.com", DisplayName: "Alice Smith", Mail: "a@example.com", Department: "Sales", Site: "Berlin",
		Extension: "100", Groups: []string{"first", "support"}, Aliases: []rtc.AOR{"tel:+4930123", "tel:+4930124", "sip:chief@example.com"}}
	only := func(u User) User { u.Created, u.Changed, u.Enabled = time.Time{}, time.Time{}, false; return u }
	for _, c := range []struct {
		name, text, says string
		want             User
	}{
		{"header in any order", "Mail,Login,Full Name,E-Mail\n,alice,,\n", "", User{AOR: "sip:alice@example.com"}},
		{"all columns", "user,password,name,mail,department,site,ext,numbers,groups,aliases\n" +
			`alice,longenough,Alice Smith,a@example.com,Sales,Berlin,100,"+49 30 123, +49 30 124",support|first,chief` + "\n", "", alice},
		{"semicolons and a byte order mark", "\ufeffUser;Name;Mail;Department;Site;Extension;Phone;Phone;Groups;Alias\r\n" +
			"alice;Alice Smith;a@example.com;Sales;Berlin;100;+49 30 123;+49 30 124;support,first;chief\r\n", "", alice},
		{"semicolons without a header", "alice;Alice Smith;;chief;+4930123\n", "",
			User{AOR: "sip:alice@example.com", DisplayName: "Alice Smith", Aliases: []rtc.AOR{"sip:chief@example.com", "tel:+4930123"}}},
		{"tabs", "user\tname\nalice\tSmith, Alice\n", "", User{AOR: "sip:alice@example.com", DisplayName: "Smith, Alice"}},
		{"header of one column", "user\nalice\n", "", User{AOR: "sip:alice@example.com"}},
		{"cells beyond the header are of the last column", "user,alias\nalice,chief,boss\n", "",
			User{AOR: "sip:alice@example.com", Aliases: []rtc.AOR{"sip:chief@example.com", "sip:boss@example.com"}}},
		{"a user with a name like a column's", "name,Mr Name,longenough\n", "", User{AOR: "sip:name@example.com", DisplayName: "Mr Name"}},
		{"a header as others write it", "\ufeffname;password\nalice;longenough\n", "", User{AOR: "sip:alice@example.com"}},
		{"bars", "username|domain|mail\nalice|example.com|a@example.com\n", "", User{AOR: "sip:alice@example.com", Mail: "a@example.com"}},
		{"a bar in a cell of a file without a header", "alice,Alice,,chief|boss|head|lead\n", "",
			User{AOR: "sip:alice@example.com", DisplayName: "Alice", Aliases: []rtc.AOR{"sip:chief@example.com", "sip:boss@example.com", "sip:head@example.com", "sip:lead@example.com"}}},
		{"Asterisk's ps_auths", "id,auth_type,nonce_lifetime,md5_cred,password,realm,username\nalice,md5,NULL,0123456789abcdef0123456789abcdef,NULL,example.com,alice\n", "",
			User{AOR: "sip:alice@example.com"}},
		{"Kamailio's subscriber, all of it", "id\tusername\tdomain\tpassword\tha1\tha1b\tvmpin\n7\talice\texample.com\t\t0123456789abcdef0123456789abcdef\t0123456789abcdef0123456789abcdef\tNULL\n", "",
			User{AOR: "sip:alice@example.com"}},
		{"a header that begins with a word of others", "room,name,password\n7,alice,longenough\n", `column "room"`, User{}},
		{"a header without a user", "mail,password\na@example.com,longenough\n", `a column named "user" is missing`, User{}},
		{"unknown column", "user,password,room\nalice,longenough,7\n", `column "room"`, User{}},
		{"too many cells", "user,name\nalice,Alice,7\n", "the header has 2 columns", User{}},
		{"bad mail", "user,mail\nalice,nowhere\n", "line 2: mail address", User{}},
		{"bad extension", "user,extension\nalice,12a\n", "line 2: extension", User{}},
		{"extension twice", "user,extension\nalice,100\nbob,100\n", "by line 2", User{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := newDirectory(t)
			_, err := d.Import(t.Context(), strings.NewReader(c.text))
			users := d.Users()
			switch {
			case c.says != "":
				if err == nil || !strings.Contains(err.Error(), c.says) || len(users) != 0 {
					t.Errorf("%v, %d users", err, len(users))
				}
			case err != nil:
				t.Error(err)
			case len(users) != 1 || !reflect.DeepEqual(only(users[0]), c.want):
				t.Errorf("\n got %+v\nwant %+v", users, c.want)
			}
		})
	}
}

func TestImportIsUndone(t *testing.T) {
	d, m := newDirectory(t)
	m.failAfter = 5 // alice, bob, half of carol
	_, err := d.Import(context.Background(), strings.NewReader("alice\nbob\ncarol\n"))
	if !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if len(d.Users()) != 0 || len(m.users) != 0 || len(m.credentials) != 0 {
		t.Errorf("users remain: %v, %v", d.Users(), m.users)
	}
}

// TestLookupsDuringChanges has meaning under the race detector.
func TestLookupsDuringChanges(t *testing.T) {
	d, _ := newDirectory(t)
	add(t, d, "sip:alice@example.com")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 50 {
				if i == 0 {
					add(t, d, rtc.AOR(fmt.Sprintf("sip:u%d@example.com", j)))
				}
				if a, _ := d.Lookup([]byte("alice"), []byte("example.com")); a == nil {
					t.Error("alice vanished")
				}
			}
		}()
	}
	wg.Wait()
	if n := len(d.Users()); n != 51 {
		t.Errorf("%d users", n)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("user,display,password\nalice,A,longenough,100\n")
	f.Add("\"a\nb\",c")
	f.Fuzz(func(t *testing.T, text string) {
		d, m := newDirectory(t)
		made, err := d.Import(context.Background(), strings.NewReader(text))
		if err != nil && (len(made) > 0 || len(m.users) > 0) {
			t.Errorf("%d users in spite of %v", len(m.users), err)
		}
		if err == nil && len(made) != len(d.Users()) {
			t.Errorf("%d told, %d made", len(made), len(d.Users()))
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	d, _ := newDirectory(b)
	for i := range 1000 {
		add(b, d, rtc.AOR(fmt.Sprintf("sip:user%d@example.com", i)))
	}
	name, realm := []byte("user500"), []byte("example.com")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a, _ := d.Lookup(name, realm); a == nil {
				b.Fatal("not found")
			}
		}
	})
}

func TestAfterFollowsChanges(t *testing.T) {
	d, _ := newDirectory(t)
	list := func(after rtc.AOR) (all []string) {
		for u := range d.After(after) {
			all = append(all, u.AOR.User()+"@"+u.AOR.Domain())
		}
		return all
	}
	for _, name := range []rtc.AOR{"sip:b@second.example", "sip:c@example.com", "sip:a@second.example", "sip:b@example.com"} {
		add(t, d, name)
	}
	for _, c := range []struct {
		after rtc.AOR
		want  string
	}{
		{"", "b@example.com c@example.com a@second.example b@second.example"},
		{"sip:b@example.com", "c@example.com a@second.example b@second.example"},
		{"sip:bb@example.com", "c@example.com a@second.example b@second.example"},
		{"sip:b@second.example", ""},
	} {
		if got := strings.Join(list(c.after), " "); got != c.want {
			t.Errorf("after %q: %s", c.after, got)
		}
	}
	add(t, d, "sip:d@example.com")
	if err := d.Delete(t.Context(), "sip:c@example.com"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(list(""), " "); got != "b@example.com d@example.com a@second.example b@second.example" || d.Count() != 4 {
		t.Errorf("then %s", got)
	}
}
