package operation

import (
	"bytes"
	"context"
	"io"

	"github.com/danielgtaylor/huma/v2"
)

// body is the answer of a Read in JSON. Its entity tag needs it before it is
// written, and a page of a long list is too dear to be encoded twice.
type body struct{ json []byte }

type bodyKey struct{}

// encoded is v in JSON, as huma writes it.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	err := huma.DefaultJSONFormat.Marshal(&b, v)
	return b.Bytes(), err
}

// keepBody has asEncoded put b in the place of the answer.
func keepBody(ctx context.Context, b []byte) {
	if keep, ok := ctx.Value(bodyKey{}).(*body); ok {
		keep.json = b
	}
}

// asEncoded puts the encoded answer in the place of the answer, unless that is a
// failure.
func asEncoded(ctx huma.Context, _ string, v any) (any, error) {
	keep, ok := ctx.Context().Value(bodyKey{}).(*body)
	if _, failed := v.(error); !ok || failed || keep.json == nil {
		return v, nil
	}
	return keep, nil
}

// jsonFormat writes what asEncoded put there as it is.
func jsonFormat() huma.Format {
	f := huma.DefaultJSONFormat
	f.Marshal = func(w io.Writer, v any) error {
		if b, ok := v.(*body); ok {
			_, err := w.Write(b.json)
			return err
		}
		return huma.DefaultJSONFormat.Marshal(w, v)
	}
	return f
}
