package trace

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// Filter chooses messages; empty fields choose all. Keep-alives and other
// datagrams that are no SIP message pass only an empty Filter.
type Filter struct {
	CallID string    // exactly
	Legs   []string  // other Call-IDs that belong to it
	User   string    // user part of the Request-URI, From or To, or user@host of one of them
	Addr   string    // host or host:port of either end
	Since  time.Time // none that went in or out before
}

// match tells whether e is chosen.
func (f Filter) match(e *Entry) bool {
	if e.Time.Before(f.Since) {
		return false
	}
	if f.Addr != "" && !isAt(e.Remote, f.Addr) && !isAt(e.Local, f.Addr) {
		return false
	}
	if f.CallID == "" && f.User == "" {
		return true
	}
	h := scan(e.Bytes)
	if f.CallID != "" && h.callID != f.CallID && !slices.Contains(f.Legs, h.callID) {
		return false
	}
	return f.User == "" || names(h.uri, f.User) || names(h.from, f.User) || names(h.to, f.User)
}

// isAt tells whether hostport is want, or has want as its host.
func isAt(hostport, want string) bool {
	if hostport == want {
		return true
	}
	host, ok := strings.CutSuffix(hostport, hostport[strings.LastIndexByte(hostport, ':')+1:])
	return ok && strings.Trim(strings.TrimSuffix(host, ":"), "[]") == strings.Trim(want, "[]")
}

// names tells whether a URI or name-addr has the user, or is user@host.
func names(value, user string) bool {
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		i := strings.Index(value, scheme)
		if i < 0 {
			continue
		}
		rest, ok := strings.CutPrefix(value[i+len(scheme):], user)
		if ok && (rest == "" || strings.IndexByte("@;>?", rest[0]) >= 0) {
			return true
		}
	}
	return false
}

// headline is what a ladder or filter needs of a message.
type headline struct {
	method string // of a request
	uri    string
	status string // "200 OK"
	cseq   string // method of CSeq
	callID string
	from   string
	to     string
	sdp    bool
}

// scan reads the headline, tolerating anything: the ring also holds what the
// parser refused.
func scan(b []byte) headline {
	var h headline
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	start := strings.TrimSpace(string(line))
	if version, status, _ := strings.Cut(start, " "); strings.EqualFold(version, "SIP/2.0") {
		h.status = status
	} else if parts := strings.Fields(start); len(parts) > 1 {
		h.method, h.uri = parts[0], parts[1]
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break // the body
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		h.take(strings.ToLower(string(bytes.TrimSpace(name))), bytes.TrimSpace(value))
	}
	return h
}

func (h *headline) take(name string, value []byte) {
	switch name {
	case "call-id", "i":
		h.callID = string(value)
	case "from", "f":
		h.from = string(value)
	case "to", "t":
		h.to = string(value)
	case "cseq":
		if parts := strings.Fields(string(value)); len(parts) == 2 {
			h.cseq = parts[1]
		}
	case "content-type", "c":
		h.sdp = bytes.HasPrefix(bytes.ToLower(value), []byte("application/sdp"))
	}
}
