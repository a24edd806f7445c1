package directory

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc"
)

// names are those of who was found, in order.
func names(users []User) string {
	var all []string
	for _, u := range users {
		all = append(all, u.AOR.User())
	}
	return strings.Join(all, " ")
}

func staff(t testing.TB) *Directory {
	t.Helper()
	d := New(NewMemory(), []string{"example.com", "example.org"}, slog.New(slog.DiscardHandler))
	for _, add := range []AddUser{
		{AOR: "sip:alice@example.com", DisplayName: "Alice Smith", Mail: "alice@example.com", Department: "Sales", Site: "Berlin",
			Extension: "100", Numbers: []string{"+49 30 1234-100"}, Groups: []string{"support", "first line"}},
		{AOR: "sip:bob@example.com", DisplayName: "Bob Müller-Salesius", Mail: "robert@elsewhere.net", Site: "Berlin", Extension: "101"},
		{AOR: "sip:carol@example.org", DisplayName: "Carol Alison", Department: "Engineering", Extension: "100", Site: "München"},
		{AOR: "sip:dave@example.com", DisplayName: "Dave Malice", Department: "Presales", Numbers: []string{"+1 (212) 555-0100"}},
	} {
		if _, err := d.Add(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestSearch(t *testing.T) {
	d := staff(t)
	for _, c := range []struct{ query, want string }{
		{"alice", "alice dave"},
		{"ALICE", "alice dave"},
		{"ali", "alice carol dave"}, // field, word, inside
		{"sales", "alice bob dave"},
		{"müller", "bob"},
		{"MÜ", "carol bob"}, // München begins a field, Müller a word
		{"berlin", "alice bob"},
		{"berlin bo", "bob"},
		{"bob berlin", "bob"},
		{"bob munich", ""},
		{"101", "bob"},
		{"100", "alice carol dave"},
		{"+49301234", "alice"},
		{"+49 (30) 12 34", "alice"},
		{"49301234", "alice"},
		{"555-0100", "dave"},
		{"support", "alice"},
		{"first line", "alice"},
		{"line", "alice"},
		{"alice@example.com", "alice dave"}, // the domain is everybody's
		{"alice@exam", "alice dave"},
		{"robert@elsewhere", "bob"},
		{"carol@example.org", "carol"},
		{"example.org", "carol"},
		{"nobody", ""},
		{"", ""},
		{" \t\n", ""},
		{"\x00", ""},
		{strings.Repeat("a", 1000), ""},
	} {
		if got := names(d.Search(c.query, 0)); got != c.want {
			t.Errorf("%q found %q, want %q", c.query, got, c.want)
		}
	}
	if got := names(d.Search("ali", 2)); got != "alice carol" {
		t.Errorf("the best two are %q", got)
	}
}

func TestSearchFollowsChanges(t *testing.T) {
	d := staff(t)
	ctx := t.Context()
	want := func(query, names_ string) {
		t.Helper()
		if got := names(d.Search(query, 0)); got != names_ {
			t.Errorf("%q found %q, want %q", query, got, names_)
		}
	}
	name := "Alicia Jones"
	if err := d.Change(ctx, "sip:alice@example.com", Change{DisplayName: &name}); err != nil {
		t.Fatal(err)
	}
	want("smith", "")
	want("jones", "alice")
	if err := d.AddAlias(ctx, "sip:bob@example.com", "chief"); err != nil {
		t.Fatal(err)
	}
	want("chief", "bob")
	if err := d.Delete(ctx, "sip:bob@example.com"); err != nil {
		t.Fatal(err)
	}
	want("chief", "")
	if _, _, err := d.AddDevice(ctx, "sip:dave@example.com", "desk"); err != nil {
		t.Fatal(err)
	}
	want("dave", "dave")
	if err := d.Disable(ctx, "sip:dave@example.com"); err != nil {
		t.Fatal(err)
	}
	if u := d.Search("dave", 0); len(u) != 1 || u[0].Enabled {
		t.Errorf("%+v", u)
	}
	e := New(d.store, []string{"example.com", "example.org"}, slog.New(slog.DiscardHandler))
	if err := e.Load(ctx); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"jones", "chief", "dave", "a", "berlin"} {
		if got := names(e.Search(q, 0)); got != names(d.Search(q, 0)) {
			t.Errorf("after loading %q found %q", q, got)
		}
	}
}

func TestByNumberAndExtension(t *testing.T) {
	d := staff(t)
	for _, c := range []struct{ site, extension, want string }{
		{"Berlin", "100", "alice"}, {"Berlin", "101", "bob"}, {"München", "100", "carol"}, {"", "100", ""}, {"Berlin", "10", ""}, {"Paris", "100", ""},
	} {
		u, ok := d.ByExtension(c.site, c.extension)
		if u.AOR.User() != c.want || ok != (c.want != "") {
			t.Errorf("extension %s of %s is %q", c.extension, c.site, u.AOR)
		}
	}
	for number, want := range map[string]string{"+49301234100": "alice", "+12125550100": "dave", "+4930123410": "", "49301234100": "", "": ""} {
		if u, ok := d.Resolve(rtc.AOR("tel:" + number)); u.AOR.User() != want || ok != (want != "") {
			t.Errorf("number %s is %q", number, u.AOR)
		}
	}
	ctx := t.Context()
	moved, none := "Paris", []string{}
	if err := d.Change(ctx, "sip:alice@example.com", Change{Site: &moved, Numbers: &none}); err != nil {
		t.Fatal(err)
	}
	_, old := d.ByExtension("Berlin", "100")
	u, ok := d.ByExtension("Paris", "100")
	_, number := d.Resolve("tel:+49301234100")
	if old || !ok || u.DisplayName != "Alice Smith" || number {
		t.Errorf("after moving: %v %+v %v", old, u, number)
	}
}

// Documents of many users, as large as those of a real directory.
func crowd(tb testing.TB, n int) *Directory {
	tb.Helper()
	first := strings.Fields("Anna Ben Clara David Emma Felix Greta Hugo Ida Jan Katharina Leon Maria Noah Olivia Paul Quentin Rosa Stefan Tina")
	last := strings.Fields("Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter Klein Wolf Neumann Schwarz Braun Zimmermann Hartmann Krüger")
	r := rand.New(rand.NewPCG(1, 2))
	m := NewMemory()
	for i := range n {
		f, l := first[r.IntN(len(first))], last[r.IntN(len(last))]
		u := User{AOR: rtc.AOR(fmt.Sprintf("sip:%s.%s%d@example.com", strings.ToLower(f), strings.ToLower(l[:1])+l[len(l)-3:], i)),
			DisplayName: f + " " + l, Mail: fmt.Sprintf("%s.%s%d@mail.example.com", f, l, i), Department: "Department " + fmt.Sprint(i%40),
			Site: "Site " + fmt.Sprint(i%20), Extension: fmt.Sprint(1000 + i/20), Groups: []string{"group " + fmt.Sprint(i%100)}, Enabled: true,
			Aliases: []rtc.AOR{rtc.AOR(fmt.Sprintf("tel:+4930%07d", i))}}
		m.users[u.AOR] = u
	}
	d := New(m, []string{"example.com"}, slog.New(slog.DiscardHandler))
	if err := d.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return d
}

func BenchmarkSearch(b *testing.B) {
	d := crowd(b, 100_000)
	for _, q := range []string{"katharina z", "+49300099999", "a", "e", "group 7", "site 1 department 1 paul", "nobody at all"} {
		b.Run(q, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				d.Search(q, 50)
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// What a user costs in memory, all fields filled, without secrets.
func TestMemoryOfAUser(t *testing.T) {
	const n = 20_000
	d := crowd(t, n)
	d.store = nil
	full := heap()
	index := 0
	for i := range d.accounts.shards {
		s := d.accounts.shards[i].Load()
		index += cap(s.text) + 4*cap(s.starts) + 4*cap(s.words.ends)
	}
	d.accounts.init("")
	d.further.init("")
	each := (full - heap()) / n
	t.Logf("%d octets for a user, of which %d to search", each, index/n)
	if each > 560 || index/n > 200 {
		t.Errorf("%d octets for a user, of which %d to search", each, index/n)
	}
	runtime.KeepAlive(d)
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// cpuTime is that of the process: on a busy machine the clock tells little.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What the index finds is what looking at every record finds.
func TestSearchAgainstLookingAtAll(t *testing.T) {
	d := crowd(t, 3000)
	var all []hit
	for i := range d.accounts.shards {
		s := d.accounts.shards[i].Load()
		for j := range s.ends {
			all = append(all, hit{entry: s.entry(j), shard: s, number: j})
		}
	}
	for _, query := range strings.Fields("a e ü 7 99 1 +4930 an ann na uel site_1 group_9_paul müller_anna zim_site_3 @mail .m mail.e x zz 10_1_1") {
		query = strings.ReplaceAll(query, "_", " ")
		words := d.accounts.words(query)
		best := found{limit: 20}
		for _, h := range all {
			for _, w := range words {
				h.rank = max(h.rank, fit(h.entry, w))
			}
			if h.rank < fitsNot {
				best.add(h)
			}
		}
		want := ""
		for _, h := range best.hits {
			want = strings.TrimSpace(want + " " + h.shard.user(h.number).AOR.User())
		}
		if got := names(d.Search(query, 20)); got != want {
			t.Errorf("%q found\n%s, want\n%s", query, got, want)
		}
	}
}
