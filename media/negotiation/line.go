package negotiation

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
	"tandem/media/secure"
)

// Carry provides what the plan of an m-line needs and returns a description of it. It
// is called for each m-line in order, including those that carry nothing: they keep
// their places.
type Carry func(i int, kind string, p Plan) (Carriage, error)

// Carriage is what a description says about our end of an m-line.
type Carriage struct {
	Addr        netip.AddrPort  // for RTP, as advertised
	RTCPPort    int             // the same port with rtcp-mux
	Keys        []secure.Key    // ours, for keys in SDP
	Fingerprint sdp.Fingerprint // ours, for DTLS
	ICE         sdp.ICE         // ours, for ICE
}

// line builds our m-line i for this side: ports, security and ICE. In an offer m is
// what the other side said, which we mirror; in an answer it is this side's own offer.
// The codecs are those of m until the caller chooses others.
func (d *Side) line(i int, m *sdp.Media, plan Plan, offering bool, carry Carry) (exchange.Line, error) {
	line := exchange.Line{
		Kind: m.Kind, Proto: m.Proto, Direction: mirrored(m), Codecs: m.Codecs,
		Ptime: m.Ptime, MaxPtime: m.MaxPtime, MID: m.MID, Unprotected: d.want.plain(),
	}
	if aside(m) {
		_, err := carry(i, m.Kind, Plan{Off: true})
		return asideLine(m), err
	}
	// Cisco IOS writes m=video 36924 RTP/AVP without formats; other devices write
	// rtpmaps that nobody can read.
	formatless := m.RTP() && m.Kind != "audio" && !slices.ContainsFunc(m.Codecs, func(c sdp.Codec) bool { return c.Name != "" })
	if offering && (formatless || m.Port == 0 && !m.BundleOnly()) {
		_, err := carry(i, m.Kind, Plan{Off: true})
		return exchange.Line{Kind: m.Kind, Proto: plan.proto(m.Proto), Formats: m.Formats, Codecs: m.Codecs}, err
	}
	w, err := carry(i, m.Kind, plan)
	if err != nil {
		return line, err
	}
	line.Proto = plan.proto(m.Proto)
	line.Addr, line.Port = w.Addr.Addr(), int(w.Addr.Port())
	if !plan.RTP {
		line.Formats, line.Codecs = m.Formats, nil
		return line, nil
	}
	if want := d.want.Ptime; want > 0 {
		line.Ptime = want
	}
	if offering && plan.Security == secure.DTLS && line.MID == "" {
		line.MID = m.Kind + strconv.Itoa(i) // the usual names in browsers (RFC 9429 §5.2.1)
	}
	line.Mux, line.RTCPPort, line.ICE = plan.Mux, w.RTCPPort, w.ICE
	return line, d.protect(&line, w, plan, m, offering)
}

// protect adds keys or fingerprint to a line.
func (d *Side) protect(line *exchange.Line, w Carriage, plan Plan, m *sdp.Media, offering bool) error {
	switch plan.Security {
	case secure.SDES, secure.Optional:
		for n, k := range w.Keys {
			if d.want.suite(k.Profile) {
				line.Crypto = append(line.Crypto, sdp.Crypto{Tag: n + 1, Suite: string(k.Profile), Key: k.Inline()})
			}
		}
		if offering && len(line.Crypto) == 0 {
			return errors.New("no SRTP suite is left to offer")
		}
		if offering && plan.Security == secure.Optional { // a second line, which no old device fails on
			i := slices.IndexFunc(line.Crypto, func(c sdp.Crypto) bool { return c.Suite == string(secure.Mandatory) })
			line.Crypto = line.Crypto[max(i, 0):][:1]
		}
	case secure.DTLS:
		line.Fingerprint = w.Fingerprint
		line.Setup = "passive" // the browser starts the handshake, which saves a round trip
		if offering {
			line.Setup = "actpass" // RFC 5763 §5
		} else if m.Setup == "passive" {
			line.Setup = "active"
		}
	}
	return nil
}

// answerLine answers an m-line. other is what the far side agreed to for it, nil for
// nothing; met reports that the far side has agreed to any m-line.
func (d *Side) answerLine(i int, theirs *sdp.Media, other *exchange.Agreed, met bool, carry Carry) (exchange.Line, error) {
	if theirs.Port == 0 && !theirs.BundleOnly() || other != nil && !other.Enabled || other == nil && met {
		_, err := carry(i, theirs.Kind, Plan{Off: true})
		return exchange.Line{Kind: theirs.Kind, Proto: theirs.Proto, Formats: theirs.Formats, MID: theirs.MID}, err
	}
	if aside(theirs) {
		_, err := carry(i, theirs.Kind, Plan{Off: true})
		if other == nil {
			return asideLine(&sdp.Media{Kind: theirs.Kind, Proto: theirs.Proto, Formats: theirs.Formats, MID: theirs.MID}), err
		}
		return asideLine(other.Media), err
	}
	line, err := d.line(i, theirs, d.answering(i, theirs), false, carry)
	if err != nil {
		return line, err
	}
	line.Direction = sdp.SendRecv
	if other != nil {
		line.Direction = mirrored(other.Media)
	}
	switch {
	case theirs.Kind == "audio" && theirs.RTP():
		line.Codecs = answerCodecs(d.want, theirs.Codecs, other)
		if len(line.Codecs) == 0 {
			line.Port = 0 // an answer without codecs would accept all
		}
	case other == nil:
		line.Port = 0 // nobody would receive it
	default:
		line.Codecs = far2near(theirs, other)
	}
	return line, nil
}

// mirrored returns the direction to show one side when the other showed m: we pass on
// what the other side sends. A hold of any form becomes a direction.
func mirrored(m *sdp.Media) sdp.Direction {
	if m == nil {
		return sdp.SendRecv
	}
	switch {
	case m.Hold() && m.Direction == sdp.SendRecv:
		return sdp.SendOnly // c=0.0.0.0 with a=sendrecv (RFC 2543 §B.5)
	case m.Hold() && m.Direction == sdp.RecvOnly:
		return sdp.Inactive
	}
	return m.Direction
}
