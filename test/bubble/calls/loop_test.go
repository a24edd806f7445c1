package calls

import (
	"testing"
	"time"

	"tandem/rtc"
	"tandem/telephony/settings"
	"tandem/test/bubble"
)

// A call that would go in a circle ends within a second, also where phones are tried on
// the way, and none of them twice.
func TestForwardingLoopEndsAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		set      func(u *settings.User, next string)
		answer   int    // of each phone
		lines    string // with it
		rings    int
		answered string // the caller
	}{
		"always":     {func(u *settings.User, next string) { u.Always = next }, 0, "", 0, "482 INVITE"},
		"busy":       {func(u *settings.User, next string) { u.Busy = next }, 486, "", 2, "486 INVITE"},
		"by a phone": {func(*settings.User, string) {}, 302, "Contact: <sip:bob@time.test>\r\n", 1, "480 INVITE"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
				a.Register("alice", 3600)
				for user, next := range map[string]string{"alice": "bob", "bob": "alice"} {
					if _, err := w.S.CallSettings().Change(w.T.Context(), rtc.AOR("sip:"+user+"@time.test"), func(u *settings.User) error { c.set(u, next); return nil }); err != nil {
						t.Fatal(err)
					}
				}
				caller := alice(w)
				caller.Calls("sip:bob@time.test", "", caller.SDP())
				ended, rang := false, 0
				for begun := time.Now(); !ended && time.Since(begun) < time.Second; time.Sleep(10 * time.Millisecond) {
					for _, p := range []*bubble.User{a, b} {
						if m := p.Came("INVITE"); m != nil {
							rang++
							p.Reply(m, c.answer, "x", c.lines, "")
						}
					}
					ended = caller.Came(c.answered) != nil
				}
				if !ended || rang != c.rings {
					t.Errorf("answered by %s: %v; phones have rung %d times, want %d", c.answered, ended, rang, c.rings)
				}
			})
		})
	}
}
