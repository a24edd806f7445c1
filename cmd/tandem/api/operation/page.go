package operation

import (
	"encoding/base64"
	"iter"
	"slices"
	"strconv"

	"tandem/cmd/tandem/api/problem"
)

// Paging is the part of an input that asks for one page of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Items at most"`
	Cursor string `query:"cursor" doc:"next of the page before; without it the first page"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"The items, in the order of the list" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}

// After is the key of the last item of the page before, "" for the first page.
func (p Paging) After() (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return "", WrongCursor()
	}
	return string(b), nil
}

// WrongCursor is the problem of a cursor that no page of the list has given out.
func WrongCursor() error {
	return problem.Invalid("cursor_invalid", "the cursor is not one of this list", "use next from the previous page, or leave it out")
}

// firstItems is from where on a page is taken for a full one.
const firstItems = 64

// Paginate takes one page off a list in the order of unique keys. all yields what
// comes after the key it is given.
func Paginate[T any](p Paging, key func(T) string, all func(after string) iter.Seq[T]) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	after, err := p.After()
	if err != nil {
		return page, err
	}
	for v := range all(after) {
		if len(page.Items) == p.Limit {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(key(page.Items[p.Limit-1])))
			break
		}
		if len(page.Items) == firstItems { // a long one: the limit, at once
			page.Items = slices.Grow(page.Items, p.Limit-firstItems)
		}
		page.Items = append(page.Items, v)
	}
	return page, nil
}

// place is an element of a list that has no key but its place.
type place[T any] struct {
	n int
	v T
}

// InOrder takes one page off a short list whose order is its meaning.
func InOrder[T any](p Paging, list []T) (Page[T], error) {
	page, err := Paginate(p, func(x place[T]) string { return strconv.Itoa(x.n) }, func(after string) iter.Seq[place[T]] {
		last, err := strconv.Atoi(after)
		if err != nil {
			last = -1
		}
		return func(yield func(place[T]) bool) {
			for i := last + 1; i < len(list); i++ {
				if !yield(place[T]{i, list[i]}) {
					return
				}
			}
		}
	})
	out := Page[T]{Items: make([]T, 0, len(page.Items)), Next: page.Next}
	for _, x := range page.Items {
		out.Items = append(out.Items, x.v)
	}
	return out, err
}
