package media

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"tandem/media/sdp"
	"tandem/media/secure"
)

// line builds what we say to this side in m-line i: ports, security and ICE.
// Offering, m is what the other side said (and we mirror it); answering, m is
// this side's own offer. Codecs are m's until the caller chooses others.
func (d *Side) line(i int, m *sdp.Media, offering bool) (sdp.Line, error) {
	st, err := d.session.stream(i, m.Kind)
	if err != nil {
		return sdp.Line{}, err
	}
	line := sdp.Line{
		Kind: m.Kind, Proto: m.Proto, Direction: mirrored(m), Codecs: m.Codecs,
		Ptime: m.Ptime, MaxPtime: m.MaxPtime, MID: m.MID, Unprotected: d.want.Security == SecurityNone,
	}
	plan := d.plan(i, m, offering)
	if aside(m) {
		return asideLine(m), nil
	}
	// Cisco IOS: m=video 36924 RTP/AVP, and others whose rtpmap nobody can read.
	formatless := m.RTP() && m.Kind != "audio" && !slices.ContainsFunc(m.Codecs, func(c sdp.Codec) bool { return c.Name != "" })
	if offering && (formatless || m.Port == 0 && !m.BundleOnly()) {
		return sdp.Line{Kind: m.Kind, Proto: plan.proto(m.Proto), Formats: m.Formats, Codecs: m.Codecs}, nil
	}
	w, err := d.transport(st, plan)
	if err != nil {
		return line, err
	}
	line.Proto = plan.proto(m.Proto)
	local := w.advertised()
	line.Addr, line.Port = local.Addr(), int(local.Port())
	if !plan.rtp {
		line.Formats, line.Codecs = m.Formats, nil
		return line, nil
	}
	if want := d.want.Ptime; want > 0 {
		line.Ptime = want
	}
	if offering && plan.security == SecurityDTLS && line.MID == "" {
		line.MID = m.Kind + strconv.Itoa(i) // what browsers name their lines by (RFC 9429 §5.2.1)
	}
	line.Mux = plan.mux
	line.RTCPPort = w.rtcpPort(plan.mux)
	return line, d.protect(&line, w, plan, m, offering)
}

// protect adds keys, fingerprint and ICE to a line.
func (d *Side) protect(line *sdp.Line, w *transport, plan plan, m *sdp.Media, offering bool) error {
	switch plan.security {
	case SecuritySDES, SecurityOptional:
		keys, err := w.sdesKeys()
		if err != nil {
			return err
		}
		for n, k := range keys {
			if d.want.suite(k.Profile) {
				line.Crypto = append(line.Crypto, sdp.Crypto{Tag: n + 1, Suite: string(k.Profile), Key: k.Inline()})
			}
		}
		if offering && len(line.Crypto) == 0 {
			return errors.New("no SRTP suite is left to offer")
		}
		if offering && plan.security == SecurityOptional { // one line more, which no old device stumbles over
			i := slices.IndexFunc(line.Crypto, func(c sdp.Crypto) bool { return c.Suite == string(classic) })
			line.Crypto = line.Crypto[max(i, 0):][:1]
		}
	case SecurityDTLS:
		id := d.session.server.identity
		line.Fingerprint = sdp.Fingerprint{Hash: id.Hash, Value: id.Fingerprint}
		line.Setup = "passive" // the browser calls us: one round trip less
		if offering {
			line.Setup = "actpass" // RFC 5763 §5
		} else if m.Setup == "passive" {
			line.Setup = "active"
		}
	}
	if plan.ice {
		var theirs sdp.ICE
		if !offering {
			theirs = m.ICE
		}
		agent, err := w.iceAgent(theirs)
		if err != nil {
			return err
		}
		line.ICE = sdp.ICE{Ufrag: agent.Ufrag, Pwd: agent.Pwd, Lite: true, Candidates: w.candidates(plan.mux)}
	}
	return nil
}

// plan is how a side's m-line is to be carried.
type plan struct {
	iface    string
	rtp      bool
	security Security
	feedback bool // profile with F
	ice, mux bool
	bundle   int // index of the m-line whose transport is shared; -1 none
}

func (d *Side) plan(i int, m *sdp.Media, offering bool) plan {
	p := plan{iface: d.iface, rtp: m.RTP(), security: SecurityNone, bundle: -1, feedback: strings.HasSuffix(strings.ToUpper(m.Proto), "F")}
	if !p.rtp {
		return p
	}
	if offering {
		p.security = d.want.Security
		before, ice, mux := d.before(i)
		if p.security == SecurityAsOther {
			p.security = orSecurity(before, securityOf(m))
		}
		p.ice = d.want.ICE.or(ice || p.security == SecurityDTLS)
		p.mux = d.want.Mux.or(mux || p.security == SecurityDTLS)
		if p.security == SecurityDTLS {
			p.feedback = true
		} else if m.Kind == "audio" {
			p.feedback = false
		}
		return p
	}
	switch p.security = securityOf(m); {
	case p.security == SecurityOptional && d.want.Security == SecurityNone:
		p.security = SecurityNone
	case p.security == SecurityNone && (d.want.Security == SecuritySDES || d.want.Security == SecurityDTLS):
		p.security = d.want.Security // which will not do for what was offered
	}
	p.ice = m.ICE.Ufrag != "" && d.want.ICE != No
	p.mux = m.Mux && (d.want.Mux != No || muxOnly(m))
	p.bundle = bundledWith(d.pending, i)
	return p
}

// proto names the profile of a plan; what is no RTP keeps its own.
func (p plan) proto(theirs string) string {
	if !p.rtp {
		return theirs
	}
	name := map[Security]string{SecurityNone: "RTP/AVP", SecurityOptional: "RTP/AVP", SecuritySDES: "RTP/SAVP", SecurityDTLS: "UDP/TLS/RTP/SAVP"}[p.security]
	if p.feedback {
		name += "F"
	}
	return name
}

// before is what was agreed with this side for an m-line, "" when it need not be
// kept: a new offer that says nothing else shall not lose what the first was
// told, protection least of all. Plain media is kept plain where the other side
// is not, for then somebody wanted it so.
func (d *Side) before(i int) (s Security, ice, mux bool) {
	l, o := d.legs(i)
	if l == nil || l.way.asked == "" {
		return "", false, false
	}
	if s = l.way.asked; s == SecurityNone && (o == nil || o.way.asked == SecurityNone) {
		s = ""
	}
	return s, l.agreed.ICE.Ufrag != "", l.agreed.Mux
}

func orSecurity(s, standard Security) Security {
	if s == "" {
		return standard
	}
	return s
}

// demands says that a profile leaves no choice but SRTP.
func demands(proto string) bool { return strings.Contains(strings.ToUpper(proto), "SAVP") }

// muxOnly says that the far side has no other place for RTCP (RFC 8858 §3).
func muxOnly(m *sdp.Media) bool {
	return slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Name == "rtcp-mux-only" })
}

// securityOf reads the security of an m-line. RTP/AVP with keys means "if you
// can" (RFC 8643 §3).
func securityOf(m *sdp.Media) Security {
	switch {
	case !demands(m.Proto):
		if len(m.Crypto) > 0 {
			return SecurityOptional
		}
		return SecurityNone
	case m.Fingerprint.Value != "":
		return SecurityDTLS
	}
	return SecuritySDES
}

// bundledWith finds the first m-line of the BUNDLE group m-line i is in, -1
// when it is that or in none (RFC 9143 §7.3).
func bundledWith(d *sdp.Description, i int) int {
	if d == nil || d.Media[i].MID == "" {
		return -1
	}
	for _, a := range d.Attributes {
		tags := strings.Fields(a.Value)
		if a.Name != "group" || len(tags) < 2 || tags[0] != "BUNDLE" || !slices.Contains(tags[1:], d.Media[i].MID) {
			continue
		}
		for n := range d.Media {
			if d.Media[n].MID == tags[1] && n < i {
				return n
			}
		}
	}
	return -1
}

// suite says whether keys of a profile are wanted.
func (w *Want) suite(p secure.Profile) bool {
	among := func(list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			q, err := secure.ParseProfile(name)
			return err == nil && p == q
		})
	}
	return (len(w.Suites) == 0 || among(w.Suites)) && !among(w.NoSuites)
}

// classic is the one profile all that know SRTP know (RFC 4568 §6.2.1).
const classic secure.Profile = "AES_CM_128_HMAC_SHA1_80"

// goodKeys drops keys and fingerprints nobody could use, so that those behind
// them count, or the offer is refused instead of a call without sound.
func goodKeys(desc *sdp.Description) {
	for i := range desc.Media {
		m := &desc.Media[i]
		if m.Fingerprint.Value != "" && secure.CheckFingerprint(m.Fingerprint.Hash, m.Fingerprint.Value) != nil {
			m.Fingerprint = sdp.Fingerprint{}
		}
		m.Crypto = slices.DeleteFunc(m.Crypto, func(c sdp.Crypto) bool {
			_, err := secure.ParseKey(c.Suite, c.Key)
			return err != nil
		})
	}
}

// freshKeys has our keys made anew where another party came behind the dialog, or
// may come: it knows nothing of the counters the old ones are used with, and the
// party before it knows the keys.
func (d *Side) freshKeys() {
	for _, st := range d.session.streams {
		if l := st.legs[d.which]; l != nil {
			l.way.keys = nil
		}
	}
}

// sdesKeys are our keys of a transport, one a profile, made once: an answer
// that keeps the far side's key keeps the stream's counters too.
func (w *transport) sdesKeys() ([]secure.Key, error) {
	if w.keys == nil {
		for _, p := range secure.Profiles {
			k, err := secure.NewKey(p)
			if err != nil {
				return nil, err
			}
			w.keys = append(w.keys, k)
		}
	}
	return w.keys, nil
}
