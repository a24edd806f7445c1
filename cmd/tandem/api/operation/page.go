package operation

import (
	"encoding/base64"
	"iter"
	"net/http"

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
		return "", problem.New(http.StatusUnprocessableEntity, "cursor_invalid", "the cursor is none of this list").Fix("use next of the page before, or leave it out")
	}
	return string(b), nil
}

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
		page.Items = append(page.Items, v)
	}
	return page, nil
}
