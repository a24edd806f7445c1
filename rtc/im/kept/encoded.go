package kept

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"tandem/rtc/sip"
)

// errEncoding is a body whose Content-Encoding is none that is known here.
var errEncoding = errors.New("content encoding is not known")

// Decoded is the beginning of a body, at most so many octets, without the compression
// that Content-Encoding names (RFC 3261 §20.12): linphone deflates its notices.
func Decoded(m *sip.Message, limit int) ([]byte, error) {
	body := m.Body()
	name := bytes.TrimSpace(m.Get(sip.HdrContentEncoding))
	var r io.Reader
	var err error
	switch {
	case len(name) == 0, sip.EqualFold(name, "identity"):
		return body[:min(limit, len(body))], nil
	case sip.EqualFold(name, "deflate"):
		r, err = zlib.NewReader(bytes.NewReader(body))
	case sip.EqualFold(name, "gzip"), sip.EqualFold(name, "x-gzip"):
		r, err = gzip.NewReader(bytes.NewReader(body))
	default:
		return nil, errEncoding
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(limit)))
}
