// Package ng speaks rtpengine's control protocol (bencoded dictionaries over
// UDP, each behind a cookie), so that Kamailio, OpenSIPS or anything else that
// drives rtpengine can drive our relay: ping, offer, answer, delete, query,
// list, and sending keys. A client is here too.
//
// It owns what names a call there (Call-ID and tags) and which side each tag
// is; sessions are the media server's. There is no authentication in the
// protocol: only this machine is answered, and networks named for it.
package ng

import (
	"errors"
	"fmt"
)

// Dict is a dictionary of the protocol. Values are string, int64, []any or
// Dict.
type Dict map[string]any

// String is a text value, "" when it is not there or no text.
func (d Dict) String(key string) string {
	s, _ := d[key].(string)
	return s
}

// Int is a number, 0 when it is not there. Some clients send numbers as text.
func (d Dict) Int(key string) int64 {
	switch v := d[key].(type) {
	case int64:
		return v
	case string:
		var n int64
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n
		}
	}
	return 0
}

// List is a list of texts; one text alone counts as a list of one.
func (d Dict) List(key string) []string {
	switch v := d[key].(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// Dict is a dictionary within, nil when it is not there.
func (d Dict) Dict(key string) Dict {
	v, _ := d[key].(Dict)
	return v
}

// ErrMessage means that a datagram is no message of the protocol.
var ErrMessage = errors.New("no message of the ng protocol")
