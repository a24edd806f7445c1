package transaction

import "testing"

// Who has seen one branch of ours cannot name the next one.
func TestBranchCannotBeForged(t *testing.T) {
	l := New(Config{})
	mine := l.appendBranch(nil, 3, 7, 9)
	if ln, slot, gen, ok := l.readBranch(mine); !ok || ln != &l.lanes[3] || slot != 7 || gen != 9 {
		t.Fatalf("%s is not read back", mine)
	}
	check := len(cookie) + checkLen
	for i, other := range [][]byte{l.appendBranch(nil, 3, 7, 10), l.appendBranch(nil, 3, 8, 9), l.appendBranch(nil, 4, 7, 9)} {
		forged := append(append([]byte(nil), mine[:check]...), other[check:]...)
		if _, _, _, ok := l.readBranch(forged); ok {
			t.Errorf("%d: %s accepted with the check of %s", i, forged, mine)
		}
	}
	if _, _, _, ok := New(Config{}).readBranch(mine); ok {
		t.Error("a branch of another process is accepted")
	}
}
