package directory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tandem/rtc"
)

// Whatever is changed, addresses lead where a map would lead.
func TestFurtherIsAMap(t *testing.T) {
	for _, domain := range []string{"example.com", ""} {
		var x further
		x.init(domain)
		want := make(map[string]rtc.AOR)
		address := func() string {
			n := rand.IntN(3000)
			return []string{fmt.Sprintf("tel:+4930%d", n), fmt.Sprintf("sip:+4930%d@example.com", n), fmt.Sprintf("sip:+4930%d", n),
				fmt.Sprintf("sip:%d@example.net", n), fmt.Sprintf("ext:Berlin/%d", n), fmt.Sprintf("sip:%d@example.com@", n)}[rand.IntN(6)]
		}
		user := func() rtc.AOR {
			return rtc.AOR(fmt.Sprintf("sip:u%d@example.%s", rand.IntN(100), []string{"com", "net"}[rand.IntN(2)]))
		}
		var parts [shardCount]furtherShard // as a start has them, some twice
		for range 5000 {
			a, u := address(), user()
			x.append(&parts[x.shardOf(a)], a, u)
			want[a] = u
		}
		for i := range parts {
			x.publish(i, &parts[i])
		}
		check := func() {
			t.Helper()
			for range 1000 {
				a := address()
				got, ok := x.owner([]byte("kept "), []byte(a))
				if u, there := want[a]; ok != there || string(got) != "kept "+string(u) {
					t.Fatalf("domain %q: %s leads to %q, want %q", domain, a, got, u)
				}
			}
		}
		check()
		for range 50 {
			change := make(map[string]rtc.AOR)
			for range rand.IntN(100) {
				if a := address(); rand.IntN(2) == 0 {
					change[a] = user()
					want[a] = change[a]
				} else {
					change[a] = ""
					delete(want, a)
				}
			}
			x.change(change)
			check()
		}
		n := 0
		for i := range x.shards {
			for _, held := range x.shards[i].Load().slots {
				if held != 0 {
					n++
				}
			}
		}
		if n != len(want) {
			t.Errorf("%d addresses, want %d", n, len(want))
		}
	}
}

// To find a user by a number takes no memory.
func TestFindByNumberDoesNotAllocate(t *testing.T) {
	d := crowd(t, 100)
	var u User
	if n := testing.AllocsPerRun(100, func() { u, _ = d.Resolve("tel:+49300000007") }); n != 0 || u.Extension != "1000" {
		t.Errorf("%.1f allocations for %+v", n, u)
	}
}
