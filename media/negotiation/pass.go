package negotiation

import (
	"slices"
	"strings"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// Everything that does not concern the relay passes from one side's description to the
// other's unchanged. The attributes listed here name transports, keys or numbers, which
// differ on each side.

// ours are attributes that we write ourselves, at either level, or must not repeat.
var ours = []string{
	"rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime", "sendrecv", "sendonly", "recvonly", "inactive", "mid", "group",
	"rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "crypto", "fingerprint", "setup", "tls-id", "connection", "identity",
	"candidate", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "ice-mismatch", "ice-pacing",
	"remote-candidates", "bundle-only", "zrtp-hash", "key-mgmt",
}

// renumbered are attributes about streams and header extensions. We renumber those of
// audio; other media keep theirs.
var renumbered = []string{"ssrc", "ssrc-group", "extmap", "extmap-allow-mixed", "rid", "simulcast", "rtcp-xr"}

// passOn copies into the line for one side what passes from the other side's m-line.
func passOn(line *exchange.Line, m *sdp.Media) {
	line.Info, line.Bandwidth = m.Info, m.Bandwidth
	if !m.RTP() {
		line.Extra = m.Attributes
		return
	}
	line.Extra = foreign(m.Attributes, m.Kind == "audio")
	if m.Kind == "audio" && len(line.Codecs) > 0 && apart(line.Codecs, m.Codecs) {
		line.Bandwidth = nil // it concerns media that are not sent
	}
}

// foreign returns the attributes that pass.
func foreign(list []sdp.Attribute, audio bool) (kept []sdp.Attribute) {
	for _, a := range list {
		if name := strings.ToLower(a.Name); !slices.Contains(ours, name) && !(audio && slices.Contains(renumbered, name)) {
			kept = append(kept, a)
		}
	}
	return kept
}

// session returns what passes from the session level of a description.
func session(d *sdp.Description) exchange.Session {
	if d == nil {
		return exchange.Session{}
	}
	return exchange.Session{Bandwidth: d.Bandwidth, Info: d.Info, Attributes: foreign(d.Attributes, false)}
}

// aside reports whether the media of an m-line do not go through us: we relay only
// datagrams.
func aside(m *sdp.Media) bool { return strings.HasPrefix(strings.ToUpper(m.Proto), "TCP") }

// asideLine shows one side an m-line of the other side whose media do not go through
// us, with the other side's own address. It is off when that address is a name, or the
// media is RTP, which we should have carried.
func asideLine(m *sdp.Media) exchange.Line {
	line := exchange.Line{Kind: m.Kind, Proto: m.Proto, Formats: m.Formats, MID: m.MID}
	if m.RTP() || !m.Connection.IsValid() || m.Port == 0 {
		return line
	}
	line.Aside, line.Addr, line.Port = true, m.Connection, m.Port
	line.Extra, line.Bandwidth, line.Info = m.Attributes, m.Bandwidth, m.Info
	return line
}
