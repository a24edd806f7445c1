package tally

import (
	"sync"
	"testing"
)

func TestBoard(t *testing.T) {
	var b Board
	var all sync.WaitGroup
	for i := range 3 * Rows {
		all.Go(func() {
			for range 100 {
				b.Row(i).Add(2)
			}
			b.Row(-i).Add(Kinds - 1)
		})
	}
	all.Wait()
	if b.Sum(2) != 300*Rows || b.Sum(Kinds-1) != 3*Rows || b.Sum(0) != 0 {
		t.Errorf("%d, %d, %d", b.Sum(2), b.Sum(Kinds-1), b.Sum(0))
	}
}
