package prefix

import (
	"slices"
	"strings"
	"testing"
)

func all(t *Table[string], s string) (got []string) {
	for v, n, ok := t.Longest(s, len(s)+1); ok; v, n, ok = t.Longest(s, n) {
		got = append(got, v)
	}
	return got
}

func TestLongestFirst(t *testing.T) {
	var table Table[string]
	if got := all(&table, "+49"); got != nil {
		t.Errorf("an empty table has %v", got)
	}
	for _, p := range []string{"+49", "+4930", "", "+1", "+493012"} {
		table.Put(p, "<"+p+">")
	}
	for _, c := range []struct {
		s    string
		want []string
	}{
		{"+493012", []string{"<+493012>", "<+4930>", "<+49>", "<>"}},
		{"+49301", []string{"<+4930>", "<+49>", "<>"}},
		{"+4", []string{"<>"}},
		{"", []string{"<>"}},
		{"+1" + strings.Repeat("2", 1000), []string{"<+1>", "<>"}},
	} {
		if got := all(&table, c.s); !slices.Equal(got, c.want) {
			t.Errorf("%.20s: %v, want %v", c.s, got, c.want)
		}
	}
	if table.Len() != 5 {
		t.Errorf("%d in all", table.Len())
	}
}
