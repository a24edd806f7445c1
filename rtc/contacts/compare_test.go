package contacts

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tandem/rtc/contacts/xcap"
)

// What is found by looking at what changed is what is found by reading all.
func TestCompare(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	quick := 0
	for range 500 {
		groups := make([][]string, 1+r.IntN(3))
		for i := range groups {
			for range r.IntN(6) {
				groups[i] = append(groups[i], fmt.Sprintf(`<entry uri="sip:%d@x"><display-name>%d</display-name></entry>`, r.IntN(8), r.IntN(2)))
			}
		}
		write := func() *xcap.Tree {
			doc := `<resource-lists xmlns="` + xcap.ListsSpace + `">`
			for i, g := range groups {
				doc += fmt.Sprintf(`<list name="%d"><list name="in">%s</list>%s</list>`, i, strings.Join(g[:len(g)/2], "\n"), strings.Join(g[len(g)/2:], ""))
			}
			return &xcap.Tree{Doc: []byte(doc + `</resource-lists>`)}
		}
		old := write()
		for range 1 + r.IntN(2) {
			g := &groups[r.IntN(len(groups))]
			switch {
			case len(*g) > 0 && r.IntN(2) == 0:
				*g = slices.Delete(*g, 0, 1)
			default:
				*g = append(*g, fmt.Sprintf(`<entry uri="sip:%d@x"/>`, r.IntN(8)))
			}
		}
		now := write()
		got, err := compare(old, now, 7)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := parse(old.Doc)
		after, _ := parse(now.Doc)
		if want := differences(before, after, 7); !reflect.DeepEqual(got.changes, want) {
			t.Fatalf("%s\nto\n%s\nis %v, want %v", old.Doc, now.Doc, got.changes, want)
		}
		if got.count < len(after) {
			t.Fatalf("%d contacts, want %d", got.count, len(after))
		}
		if was, _ := old.Root(); (&touched{make(map[string]bool)}).children(old.Doc, now.Doc, was, must(now.Root())) {
			quick++
		}
	}
	if quick < 100 {
		t.Errorf("all was read %d times of 500", 500-quick)
	}
}

func must(e *xcap.Element, _ error) *xcap.Element { return e }
