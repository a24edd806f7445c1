package bridge

import (
	"math"
	"sync/atomic"

	"tandem/media/transcode"
)

// Over plays a source over what is played to a side, which goes on beneath it; where
// nothing is played, in place of the other side as Play does. Nobody is told of its end.
func (b *Bridge) Over(to Which, from transcode.Source) error {
	l, err := b.speaking(to)
	if err != nil {
		return err
	}
	if l.play == nil || l.base == nil {
		return l.playing(from, nil, false)
	}
	l.base.top.Store(&from)
	return nil
}

// layers is a source with another one over it for a while.
type layers struct {
	transcode.Source
	top  atomic.Pointer[transcode.Source]
	room []int16 // for what the top one says
}

// Read implements transcode.Source. It ends with the lower one.
func (s *layers) Read(pcm []int16) int {
	n := s.Source.Read(pcm)
	top := s.top.Load()
	if top == nil {
		return n
	}
	if cap(s.room) < n {
		s.room = make([]int16, len(pcm))
	}
	said := s.room[:n]
	m := (*top).Read(said)
	for i, v := range said[:m] {
		pcm[i] = int16(min(max(int32(pcm[i])+int32(v), math.MinInt16), math.MaxInt16))
	}
	if m < n {
		s.top.CompareAndSwap(top, nil)
	}
	return n
}
