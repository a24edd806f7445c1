package event

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// given asks for a list that comes with the SUBSCRIBE.
func (b *bench) given(members []string, lines ...string) {
	var e strings.Builder
	for _, m := range members {
		fmt.Fprintf(&e, `<entry uri="%s"/>`, m)
	}
	b.ask(append(lines, "SUBSCRIBE sip:pbx.test SIP/2.0", "Require: recipient-list-subscribe", "Supported: eventlist", "Content-Type: "+lists.Type,
		`body:<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>`+e.String()+`</list></resource-lists>`)...)
}

// A piece of a list that is refused once is sent again, and what follows it is sent.
func TestListGoesOnAfterARefusedPiece(t *testing.T) {
	for refused := range 4 {
		run(t, func(b *bench) {
			var members []string
			for i := range 6 {
				a := fmt.Sprintf("sip:member%d@pbx.test", i)
				members = append(members, a)
				b.board.set(rtc.AOR(a), strings.Repeat("x", 30000)+fmt.Sprintf("END%d", i))
			}
			b.given(members)
			all, count, end := "", 0, time.Now().Add(20*time.Second)
			for got := b.Want("200 SUBSCRIBE", "NOTIFY")[1:]; time.Now().Before(end); got = b.Got() {
				for _, m := range got {
					if count++; count-1 == refused {
						b.Reply(m, 500, "", "")
						continue
					}
					all += string(m.Body())
					b.Reply(m, 200, "", "")
				}
				b.Sleep(100 * time.Millisecond) // less than a repetition takes
			}
			for i := range 6 {
				if !strings.Contains(all, fmt.Sprintf("END%d", i)) {
					t.Errorf("NOTIFY %d is refused, and member %d never told", refused, i)
				}
			}
			if !strings.Contains(all, `fullState="true"`) {
				t.Errorf("NOTIFY %d is refused, and the list never whole", refused)
			}
		})
	}
}

// Who refuses every NOTIFY of a list is sent ever fewer.
func TestListOfWhoRefusesEverything(t *testing.T) {
	run(t, func(b *bench) {
		b.given([]string{"sip:bob@pbx.test"})
		count, end := 0, time.Now().Add(5*time.Minute)
		for got := b.Want("200 SUBSCRIBE", "NOTIFY")[1:]; time.Now().Before(end); got = b.Got() {
			for _, m := range got {
				count++
				b.Reply(m, 500, "", "")
			}
			b.Sleep(100 * time.Millisecond)
		}
		if count < 4 || count > 9 {
			t.Errorf("%d NOTIFYs in five minutes", count)
		}
	})
}

// The versions of a member's documents grow, over a restart, too.
func TestVersionsOfListMembersGrow(t *testing.T) {
	run(t, func(b *bench) {
		all := ""
		take := func() {
			b.Sleep(500 * time.Millisecond)
			for got := b.Got(); len(got) > 0; got = b.Got() {
				all += string(got[0].Body())
				b.Reply(got[0], 200, "", "")
			}
		}
		change := func(text string) {
			b.board.set("sip:bob@pbx.test", text)
			b.n.Changed("sip:bob@pbx.test", "weather")
			take()
		}
		b.given([]string{"sip:bob@pbx.test"}, "Accept: text/counted, multipart/related, application/rlmi+xml")
		first := b.Want("200 SUBSCRIBE", "NOTIFY")[1]
		all += string(first.Body())
		b.Reply(first, 200, "", "")
		take()
		for i := range 5 {
			change(fmt.Sprint("w", i))
		}
		b.stop()
		b.open()
		take()
		change("after")
		last, count := -1, 0
		for _, x := range regexp.MustCompile(`n=(\d+);`).FindAllStringSubmatch(all, -1) {
			n, _ := strconv.Atoi(x[1])
			if n <= last {
				t.Errorf("version %d after %d", n, last)
			}
			last = n
			count++
		}
		if count < 8 {
			t.Errorf("%d documents", count)
		}
	})
}

// Who does not take the documents of lists is told so, unless he says nothing of what
// he takes.
func TestRFC4662Section43Accept(t *testing.T) {
	for _, c := range []struct {
		accept string
		taken  bool
	}{
		{"text/weather", false},
		{"text/weather, multipart/related", false},
		{"text/weather, application/rlmi+xml", false},
		{"text/weather, multipart/related;q=0.5, Application/RLMI+xml", true},
		{"text/weather, multipart/*, application/*", true},
		{"*/*", true},
		{"", true},
	} {
		run(t, func(b *bench) {
			var lines []string
			if c.accept != "" {
				lines = append(lines, "Accept: "+c.accept)
			}
			b.given([]string{"sip:bob@pbx.test"}, lines...)
			if c.taken {
				b.Want("200 SUBSCRIBE", "NOTIFY")
				return
			}
			if takes := get(b.Want("406 SUBSCRIBE")[0], "Accept"); takes != "multipart/related, application/rlmi+xml, text/weather, text/counted" {
				t.Errorf("%q is answered %q", c.accept, takes)
			}
		})
	}
}

// What the members of lists take is bounded as well: watchers of one resource, and members
// of all lists of one user. Those who end make room.
func TestLimitsOfMembers(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Config)
		members []string
		refused int
	}{
		"to a resource":  {func(c *Config) { c.PerResource = 2 }, []string{"sip:bob@pbx.test;x=1", "sip:bob@pbx.test;x=2", "sip:bob@pbx.test;x=3"}, 1},
		"of one watcher": {func(c *Config) { c.PerList = 2 }, []string{"sip:bob@pbx.test", "sip:carol@pbx.test"}, 0},
	} {
		run(t, func(b *bench) {
			probation := func(lines ...string) (ok *sip.Message, n int) {
				t.Helper()
				b.given(c.members, lines...)
				got := b.Want("200 SUBSCRIBE", "NOTIFY")
				for _, m := range got[1:] {
					n += strings.Count(string(m.Body()), `reason="probation"`)
					b.Reply(m, 200, "", "")
				}
				for _, m := range b.Got() {
					b.Reply(m, 200, "", "")
				}
				return got[0], n
			}
			ok, n := probation("Call-ID: first")
			if n != c.refused {
				t.Errorf("%s: %d members are refused, want %d", name, n, c.refused)
			}
			if c.refused > 0 {
				if b.ask("Call-ID: direct"); b.Want("403 SUBSCRIBE") == nil {
					t.Error("a list does not count")
				}
			}
			for i := range fullLists {
				_, n = probation(fmt.Sprint("Call-ID: more", i))
			}
			if n != len(c.members) {
				t.Errorf("%s: %d members of the last list are refused, want all", name, n)
			}
			b.ask(in(ok, "Call-ID: first", "Expires: 0")...)
			for _, m := range b.Want("200 SUBSCRIBE", "NOTIFY")[1:] {
				b.Reply(m, 200, "", "")
			}
			if _, n = probation("Call-ID: last"); n != c.refused {
				t.Errorf("%s: %d members are refused once there is room, want %d", name, n, c.refused)
			}
		}, c.change)
	}
}
