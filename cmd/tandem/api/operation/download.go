package operation

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"tandem/cmd/tandem/api/problem"
)

// Download is an answer that is written piece by piece, however long it is.
type Download struct {
	Type  string // of its content
	Write func(ctx context.Context, w io.Writer) error
}

// Downloads adds an operation that answers with a Download. What has been sent
// cannot be taken back: an error of Write ends the connection, so that the client
// knows that something is missing. types are the content types.
func Downloads[I any](s *Set, op Op, types []string, f func(context.Context, *I) (Download, error)) {
	op.Method = http.MethodGet
	h := s.describe(op)
	content := make(map[string]*huma.MediaType, len(types))
	for _, t := range types {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	h.Responses["200"] = &huma.Response{Description: "All of it; the connection is cut when something is missing", Content: content}
	register(s, h, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		d, err := f(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op, err)
		}
		select {
		case s.streams <- struct{}{}:
		default:
			return nil, problem.New(http.StatusServiceUnavailable, "too_many_streams", "too many streams and downloads are open already").
				Fix("end one, or try again later").After(beat)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer func() { <-s.streams }()
			r, w := humachi.Unwrap(hc)
			w.Header().Set("Content-Type", d.Type)
			w.Header().Set("Cache-Control", "no-store")
			out := bufio.NewWriterSize(patient{w, http.NewResponseController(w)}, 64<<10)
			if err := d.Write(r.Context(), out); err != nil {
				panic(http.ErrAbortHandler) // the only way to say that it is not complete
			}
			if out.Flush() != nil {
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}

// patient gives a peer that does not read some time for each piece.
type patient struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(writing))
	return p.w.Write(b)
}
