package negotiation

import (
	"slices"
	"strings"

	"tandem/media/sdp"
)

// What the relay has no part in passes from one side's description to the other's
// as it stands. What is listed here names transport, keys or numbers, which each side
// has of its own.

// ours are attributes we write ourselves, at either level, or must not repeat.
var ours = []string{
	"rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime", "sendrecv", "sendonly", "recvonly", "inactive", "mid", "group",
	"rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "crypto", "fingerprint", "setup", "tls-id", "connection", "identity",
	"candidate", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "ice-mismatch", "ice-pacing",
	"remote-candidates", "bundle-only", "zrtp-hash", "key-mgmt",
}

// renumbered are those about streams and headers that audio has anew from us: other
// media keep theirs.
var renumbered = []string{"ssrc", "ssrc-group", "extmap", "extmap-allow-mixed", "rid", "simulcast", "rtcp-xr"}

// passOn puts into the line for one side what the other side wrote of it.
func passOn(line *sdp.Line, m *sdp.Media) {
	line.Info, line.Bandwidth = m.Info, m.Bandwidth
	if !m.RTP() {
		line.Extra = m.Attributes
		return
	}
	line.Extra = foreign(m.Attributes, m.Kind == "audio")
	if m.Kind == "audio" && len(line.Codecs) > 0 && apart(line.Codecs, m.Codecs) {
		line.Bandwidth = nil // it is about what is not sent
	}
}

// foreign keeps the attributes that pass.
func foreign(list []sdp.Attribute, audio bool) (kept []sdp.Attribute) {
	for _, a := range list {
		if name := strings.ToLower(a.Name); !slices.Contains(ours, name) && !(audio && slices.Contains(renumbered, name)) {
			kept = append(kept, a)
		}
	}
	return kept
}

// session is what passes of the session level of a description.
func session(d *sdp.Description) sdp.Session {
	if d == nil {
		return sdp.Session{}
	}
	return sdp.Session{Bandwidth: d.Bandwidth, Info: d.Info, Attributes: foreign(d.Attributes, false)}
}

// aside says that media of an m-line does not run by us: we relay datagrams.
func aside(m *sdp.Media) bool { return strings.HasPrefix(strings.ToUpper(m.Proto), "TCP") }

// asideLine shows one side an m-line of the other's that does not run by us, at the
// other's own address. Off when that is a name or the media is RTP, which we should
// have carried.
func asideLine(m *sdp.Media) sdp.Line {
	line := sdp.Line{Kind: m.Kind, Proto: m.Proto, Formats: m.Formats, MID: m.MID}
	if m.RTP() || !m.Connection.IsValid() || m.Port == 0 {
		return line
	}
	line.Aside, line.Addr, line.Port = true, m.Connection, m.Port
	line.Extra, line.Bandwidth, line.Info = m.Attributes, m.Bandwidth, m.Info
	return line
}
