package provision

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"tandem/sipphone/workpoint"
)

// errMessage refuses what is no message of a phone.
var errMessage = &refusal{http.StatusBadRequest, "this is no message of a telephone"}

// isWorkpoint reports whether a path is where Unify's phones post their messages.
func isWorkpoint(path string) bool {
	return strings.EqualFold(strings.TrimLeft(path, "/"), workpoint.Path)
}

// converse answers a message of a phone that is set up by messages instead of files.
// Its items are the file of that path, and it gets them as others get their files. One
// that does not get them is told that nothing is to do; the log knows why.
func (d *Desk) converse(ctx context.Context, r Request, body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, workpoint.MaxMessage+1))
	if err != nil || len(b) > workpoint.MaxMessage {
		return nil, errTooLarge
	}
	m, err := workpoint.Read(b)
	if err != nil {
		d.guard.Strike(r.From, "message")
		return nil, errMessage
	}
	if !m.Comes() {
		return m.CleanUp(), nil
	}
	r.Query, r.Agent = string(m.MAC()), m.Agent()
	doc, err := d.Get(ctx, r)
	var refused *refusal
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return m.CleanUp(), nil
	}
	if err != nil {
		return nil, err
	}
	defer doc.Close()
	items, err := io.ReadAll(doc)
	if err != nil {
		return nil, errBusy
	}
	return m.WriteItems(items), nil
}

func (d *Desk) serveWorkpoint(w http.ResponseWriter, r *http.Request, way Way) {
	answer, err := d.converse(r.Context(), request(r, way), r.Body)
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		refuse(w, err, way)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer))) // phones want it, however long the answer is
	_, _ = w.Write(answer)                                      // who has gone needs no answer
}
