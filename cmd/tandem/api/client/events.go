package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
)

// Event is one server-sent event as it came.
type Event struct {
	ID, Type string
	Data     []byte // JSON
}

// maxEvent bounds one line of a stream.
const maxEvent = 4 << 20

// Events reads a stream until ctx ends, the server goes, or the caller breaks off.
func (c *Client) Events(ctx context.Context, path string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		body, err := c.open(ctx, http.MethodGet, path, nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer body.Close()
		if err := readEvents(body, func(e Event) bool { return yield(e, nil) }); err != nil && ctx.Err() == nil {
			yield(Event{}, err)
		}
	}
}

// readEvents takes a stream apart as HTML §9.2.6 has it.
func readEvents(r io.Reader, each func(Event) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var e Event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			e.ID = value
		case "event":
			e.Type = value
		case "data":
			if e.Data != nil {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, value...)
		}
		if lines.Text() != "" {
			continue
		}
		if e.Data != nil && !each(e) {
			return nil
		}
		e = Event{ID: e.ID}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}
