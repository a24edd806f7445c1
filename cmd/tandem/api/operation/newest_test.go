package operation

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// event is an item of a list that shows the newest first.
type event struct {
	at   time.Time
	name string
}

func TestNewest(t *testing.T) {
	var kept []event // the newest first, up to seven in a millisecond
	for i := range 2500 {
		kept = append(kept, event{time.UnixMilli(int64(1_800_000_000_000 - i/7)), fmt.Sprintf("e%04d", 9999-i)})
	}
	read := func(before time.Time, limit int) ([]event, error) { // as the stores do it
		from := 0
		if !before.IsZero() {
			from = slices.IndexFunc(kept, func(e event) bool { return e.at.Before(before) })
		}
		if from < 0 {
			return nil, nil
		}
		return kept[from:min(from+min(limit, 1000), len(kept))], nil
	}
	stamp := func(e event) (time.Time, string) { return e.at, e.name }
	for _, limit := range []int{1, 7, 100, 1000} {
		var got []event
		p := Paging{Limit: limit}
		for range len(kept) {
			page, err := Newest(p, stamp, read)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) > limit {
				t.Fatalf("a page of %d has %d items", limit, len(page.Items))
			}
			got = append(got, page.Items...)
			if p.Cursor = page.Next; p.Cursor == "" {
				break
			}
		}
		if !slices.Equal(got, kept) {
			t.Errorf("pages of %d show %d of %d items", limit, len(got), len(kept))
		}
	}
	for _, cursor := range []string{"!", "eA"} { // not base64; not a time
		if _, err := Newest(Paging{Limit: 10, Cursor: cursor}, stamp, read); err == nil {
			t.Errorf("the cursor %q is taken", cursor)
		}
	}
}
