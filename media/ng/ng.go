// Package ng implements rtpengine's control protocol (bencoded dictionaries over UDP,
// each after a cookie), so that Kamailio, OpenSIPS or anything else that controls
// rtpengine can control our relay: ping, offer, answer, delete, query, list, and
// sending keys. It has a client, too.
//
// It owns the names of calls there (Call-ID and tags) and the side of each tag; the
// media server owns the sessions. The protocol has no authentication: only this machine
// and configured networks get answers.
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

// errMessage means that a datagram is not a message of the protocol.
var errMessage = errors.New("no message of the ng protocol")
