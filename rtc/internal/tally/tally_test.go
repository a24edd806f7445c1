package tally

import (
	"sync"
	"testing"
)

func TestBoard(t *testing.T) {
	var b Board
	var all sync.WaitGroup
	for i := range 3 * rows {
		all.Go(func() {
			for range 100 {
				b.Row(i).Add(2)
			}
			b.Row(-i).Add(kinds - 1)
		})
	}
	all.Wait()
	if b.Sum(2) != 300*rows || b.Sum(kinds-1) != 3*rows || b.Sum(0) != 0 {
		t.Errorf("%d, %d, %d", b.Sum(2), b.Sum(kinds-1), b.Sum(0))
	}
}
