package ng

import (
	"slices"
	"strings"
)

// heeded lists what a request may contain that is done, always done, or meaningless
// here. A name that ends in a hyphen or slash stands for all names that begin with it.
var heeded = []string{
	"command", "call-id", "from-tag", "to-tag", "via-branch", "sdp", "flags", "replace", "replace-", "direction", "received-from",
	"transport-protocol", "RTP/", "UDP/TLS/", "ICE", "ICE-", "rtcp-mux", "codec", "codec-", "ptime", "OSRTP", "OSRTP-",
	"SDES-off", "SDES-no", "SDES-disable", "SDES-no-", "SDES-only-", "DTLS-off", "DTLS-no", "DTLS-disable",
	"address-family", "media-address", "SIP-source-address", "inject-DTMF", "no-telephone-event",
	"delete-delay", "fatal", "limit", "code", "digit", "duration", "file", "repeat-times", "recording-file",
	// Always done.
	"trust-address", "symmetric", "port-latching", "strict-source", "SDES-pad", "pad-crypto", "DTLS-passive", "record-call-off", "record-call-no",
	// Meaningless here.
	"force", "unidirectional", "loop-protect", "no-redis-update", "debug", "supports",
}

// maxUnheeded limits the entries in one reply.
const maxUnheeded = 16

// unheeded lists what a request asks for that is not done.
func unheeded(r Dict) (list []string) {
	add := func(name string) {
		name = strings.NewReplacer(" ", "-", "=", "-").Replace(name) // clients use different spellings
		known := slices.ContainsFunc(heeded, func(h string) bool {
			return name == h || strings.HasPrefix(name, h) && (h[len(h)-1] == '-' || h[len(h)-1] == '/')
		})
		if !known && len(name) <= 64 && len(list) < maxUnheeded && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for key := range r {
		switch key {
		case "SDES", "DTLS", "record-call", "record call":
			for _, v := range r.List(key) {
				add(key + "-" + v)
			}
		default:
			add(key)
		}
	}
	for _, f := range r.List("flags") {
		add(f)
	}
	slices.Sort(list)
	return list
}

// warn adds to a reply what was requested and not done, and logs each request the first
// time. It is not safe for concurrent use.
func (s *Server) warn(r, reply Dict) {
	list := unheeded(r)
	if len(list) == 0 {
		return
	}
	said := "not done: " + strings.Join(list, ", ")
	if w := reply.String("warning"); w != "" {
		said = w + "; " + said
	}
	reply["warning"] = said
	for _, name := range list {
		if len(s.warned) < 256 && !s.warned[name] {
			s.warned[name] = true
			s.log.Warn("asked for what is not done; see docs/quirks.md", "flag", name)
		}
	}
}
