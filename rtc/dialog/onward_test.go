package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
)

func parsed(t *testing.T, text string) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	if err := m.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOnward(t *testing.T) {
	ua := New(Config{Layer: layerOfNobody(), Key: []byte("ours"), MaxPasses: 2})
	own := markHeader + ": " + ua.mark + "\n"
	for _, c := range []struct {
		name, lines string
		code        int
		want        string // header lines of the next INVITE
	}{
		{"the usual", "Max-Forwards: 70\n", 0, "Max-Forwards: 69\n" + own},
		{"none", "", 0, "Max-Forwards: 70\n" + own},
		{"the last hop", "Max-Forwards: 1\n", 0, "Max-Forwards: 0\n" + own},
		{"no hop left", "Max-Forwards: 0\n", 483, ""},
		{"breadth", "Max-Forwards: 5\nMax-Breadth: 10\n", 0, "Max-Forwards: 4\nMax-Breadth: 10\n" + own},
		{"no breadth left", "Max-Forwards: 5\nMax-Breadth: 0\n", 440, ""},
		{"bad breadth", "Max-Forwards: 5\nMax-Breadth: many\n", 400, ""},
		{"another server's mark", "Max-Forwards: 5\n" + markHeader + ": 01234567\n", 0, "Max-Forwards: 4\n" + markHeader + ": 01234567\n" + own},
		{"no mark", "Max-Forwards: 5\n" + markHeader + ": a story\n", 0, "Max-Forwards: 4\n" + own},
		{"twice here", "Max-Forwards: 5\n" + own + own, 0, "Max-Forwards: 4\n" + own + own + own},
		{"too often here", "Max-Forwards: 5\n" + own + strings.ToLower(own) + own, 482, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := ua.Onward(parsed(t, "INVITE sip:a@b SIP/2.0\nCSeq: 1 INVITE\n"+c.lines+"Content-Length: 0\n\n"))
			var st *rtc.Status
			if errors.As(err, &st); c.code != 0 {
				if st == nil || st.Code != c.code {
					t.Errorf("error %v, want %d", err, c.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(string(o.append(nil, ua.mark)), "\r\n", "\n"); got != c.want {
				t.Errorf("goes on with\n%s, want\n%s", got, c.want)
			}
		})
	}
	if again := New(Config{Layer: layerOfNobody(), Key: []byte("ours")}); again.mark != ua.mark {
		t.Error("the mark does not survive a restart")
	}
}

func TestShareOfBreadth(t *testing.T) {
	for _, c := range []struct{ breadth, n, want int }{{0, 5, 0}, {60, 4, 15}, {7, 2, 3}, {1, 1, 1}, {3, 4, -1}} {
		o, ok := Onward{MaxBreadth: c.breadth}.Share(c.n)
		if ok != (c.want >= 0) || ok && o.MaxBreadth != c.want {
			t.Errorf("%d for %d: %d, %v", c.breadth, c.n, o.MaxBreadth, ok)
		}
	}
}

// Two exchanges forward a call to each other. One drops what it does not know;
// the hops end the circle. Between two that keep marks it ends sooner.
func TestCircleEnds(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprintf("marks kept %v", keeps), func(t *testing.T) {
			bubble(t, func(w *world) {
				alice, left, right := w.agent("alice", 1, Config{}), w.agent("left", 2, Config{}), w.agent("right", 3, Config{})
				calls := 0
				for _, n := range []*node{left, right} {
					other := map[*node]*node{left: right, right: left}[n]
					n.incoming = func(s *Session, in *Incoming) {
						calls++
						o, err := n.ua.Onward(in.Message)
						var st *rtc.Status
						if errors.As(err, &st) {
							n.must(s.Reject(st.Code, Content{}))
							return
						}
						if !keeps && n == right {
							o.marks = nil
						}
						events := Events{Failed: func(_ *Call, m *sip.Message, _ error) {
							code := m.StatusCode()
							n.ua.Post(s.Lane(), func() { n.must(s.Reject(code, Content{})) })
						}}
						_, err = n.ua.Invite(Invite{Way: Way{URI: other.uri()}, From: "<sip:a@b>", Onward: o, Content: sdp("offer"), Events: events})
						n.must(err)
					}
				}
				alice.dial(left, sdp("offer"))
				w.sleep(10e9)
				if keeps {
					alice.wantEvents("failed 482")
					if calls != 13 { // left 7 times, right 6
						t.Errorf("%d calls", calls)
					}
				} else {
					alice.wantEvents("failed 483")
					if calls != 71 {
						t.Errorf("%d calls", calls)
					}
				}
			})
		})
	}
}
