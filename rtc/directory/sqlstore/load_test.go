package sqlstore

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
)

// BenchmarkLoad loads 100,000 users with one secret each, as a start does.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	s, _ := open(b)
	for first := 0; first < n; first += 10_000 {
		var users []directory.User
		var secrets []directory.Credential
		for i := first; i < first+10_000; i++ {
			aor := rtc.AOR(fmt.Sprintf("sip:user%06d@example.com", i))
			users = append(users, directory.User{AOR: aor, DisplayName: fmt.Sprintf("User %d", i), Department: "Sales", Site: "Berlin",
				Extension: fmt.Sprint(i), Enabled: true, Aliases: []rtc.AOR{rtc.AOR(fmt.Sprintf("tel:+4930%07d", i))}})
			secrets = append(secrets, directory.Credential{AOR: aor, Username: aor.User(), Realm: aor.Domain()})
		}
		if err := s.PutUsers(b.Context(), users, secrets); err != nil {
			b.Fatal(err)
		}
	}
	before := cpuTime()
	for b.Loop() {
		d := directory.New(s, []string{"example.com"}, quiet())
		if err := d.Load(b.Context()); err != nil || d.Count() != n {
			b.Fatal(err, d.Count())
		}
	}
	b.ReportMetric((cpuTime()-before).Seconds()/float64(b.N), "cpu-s/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
