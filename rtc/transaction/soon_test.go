package transaction

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"tandem/rtc/transport"
)

// gathering is a wire that knows what leaves together.
type gathering struct {
	*world
	left [][]string
}

func (g *gathering) Together(f func(transport.Sink)) {
	g.left = append(g.left, nil)
	f(g)
}

func (g *gathering) Send(_ transport.Flow, b []byte, _ transport.Failer) {
	last := &g.left[len(g.left)-1]
	*last = append(*last, string(b))
}

// TestSoon: what is asked for while others are done leaves together, in order,
// each on its lane, and what comes later is not forgotten.
func TestSoon(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		g := &gathering{world: w}
		w.l.wire = g
		lane := func(i int) *Lane { return w.l.Lane([]byte(strconv.Itoa(i))) }
		send := func(i int) {
			lane(i).Soon(func() {
				if lane(i).mu.TryLock() {
					t.Error("it is not on its lane")
				}
				lane(i).Send(udp(), strconv.AppendInt(nil, int64(i), 10))
			})
		}
		begin := make(chan bool)
		lane(0).Soon(func() { <-begin })
		synctest.Wait()
		for i := range 3 {
			send(i + 1)
		}
		close(begin)
		synctest.Wait()
		send(4)
		synctest.Wait()
		if len(g.left) != 3 || !slices.Equal(g.left[1], []string{"1", "2", "3"}) || !slices.Equal(g.left[2], []string{"4"}) {
			t.Errorf("left together: %q", g.left)
		}
	})
}
