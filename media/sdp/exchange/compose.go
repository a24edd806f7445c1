package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/media/sdp"
)

// lineWriter writes the attributes of one m-line of ours.
type lineWriter struct {
	line         Line
	offer        bool
	mid          string
	codecs       []sdp.Codec // with their final numbers
	renumbered   renumbering
	direction    sdp.Direction
	sayDirection bool // write the direction even if it is sendrecv
	mux          bool
	ptime        int
	maxPtime     int
	crypto       []sdp.Crypto
	dtls         bool
	setup        string
	ice          bool
	candidates   bool // none for lines that use the port of another
}

func (w *lineWriter) write(m *sdp.Media) {
	if w.offer {
		w.mid, w.candidates = w.line.MID, true
	}
	if m.RTP() {
		m.Formats = make([]string, 0, len(w.codecs))
		for _, c := range w.codecs {
			m.Formats = append(m.Formats, numeral(c))
		}
	}
	m.Attributes = make([]sdp.Attribute, 0, 2*len(w.codecs)+4+len(w.line.Extra))
	add := func(name, value string) { m.Attributes = append(m.Attributes, sdp.Attribute{Name: name, Value: value}) }
	if w.mid != "" {
		add("mid", w.mid)
	}
	for _, c := range w.codecs {
		m.Attributes = codecAttributes(m.Attributes, c)
	}
	if m.RTP() {
		if w.ptime > 0 {
			add("ptime", strconv.Itoa(w.ptime))
		}
		if w.maxPtime > 0 {
			add("maxptime", strconv.Itoa(w.maxPtime))
		}
	}
	if d := w.direction; d > sdp.SendRecv || m.RTP() && w.sayDirection {
		add(max(d, sdp.SendRecv).String(), "")
	}
	if m.RTP() {
		if p := w.line.RTCPPort; p != 0 && p != m.Port+1 && !(w.mux && (p == m.Port || !w.offer)) {
			add("rtcp", strconv.Itoa(p))
		}
		if w.mux {
			add("rtcp-mux", "")
		}
	}
	for _, c := range w.crypto {
		m.Attributes = append(m.Attributes, cryptoAttribute(c))
	}
	if w.dtls {
		add("fingerprint", w.line.Fingerprint.Hash+" "+w.line.Fingerprint.Value)
		add("setup", w.setup)
	}
	if w.ice {
		w.writeICE(m)
	}
	m.Attributes = append(m.Attributes, extra(w.line.Extra, &w.renumbered)...)
}

// writeICE writes the host candidate of the m-line's own port when the caller gives
// none: a lite agent has no others (RFC 8445 §5.2).
func (w *lineWriter) writeICE(m *sdp.Media) {
	add := func(name, value string) { m.Attributes = append(m.Attributes, sdp.Attribute{Name: name, Value: value}) }
	add("ice-ufrag", w.line.ICE.Ufrag)
	add("ice-pwd", w.line.ICE.Pwd)
	if !w.candidates {
		return
	}
	for _, c := range w.line.ICE.Candidates {
		add("candidate", candidateValue(c))
	}
	if len(w.line.ICE.Candidates) == 0 && m.Connection.IsValid() {
		add("candidate", hostCandidate(1, m.Connection.String(), m.Port))
		if m.RTP() && !w.mux {
			add("candidate", hostCandidate(2, m.Connection.String(), rtcpPort(w.line, m.Port)))
		}
	}
	add("end-of-candidates", "")
}

func rtcpPort(line Line, port int) int {
	if line.RTCPPort != 0 {
		return line.RTCPPort
	}
	return port + 1
}

// hostCandidate has the priority that RFC 8445 §5.1.2 gives to the only host address.
func hostCandidate(component int, addr string, port int) string {
	priority := 126<<24 + 65535<<8 + 256 - component
	return fmt.Sprintf("1 %d udp %d %s %d typ host", component, priority, addr, port)
}

func candidateValue(c sdp.Candidate) string {
	return fmt.Sprintf("%s %d %s %d %s %d typ %s", c.Foundation, c.Component, c.Transport,
		c.Priority, c.Addr.Addr(), c.Addr.Port(), c.Type)
}

// extra omits attributes that we write ourselves, and renumbers those that begin with a
// payload number.
func extra(list []sdp.Attribute, renumbered *renumbering) []sdp.Attribute {
	var kept []sdp.Attribute
	for _, a := range list {
		switch name := strings.ToLower(a.Name); name {
		case "rtpmap", "fmtp", "rtcp-fb", "rtcp", "rtcp-mux", "rtcp-mux-only", "mid", "crypto", "fingerprint",
			"setup", "ice-ufrag", "ice-pwd", "ice-lite", "ice-options", "candidate", "end-of-candidates",
			"remote-candidates", "ptime", "maxptime", "sendrecv", "sendonly", "recvonly", "inactive", "bundle-only", "group":
			continue
		case "imageattr", "framesize": // RFC 6236, 3GPP TS 26.234
			pt, rest, _ := strings.Cut(a.Value, " ")
			if n, ok := payloadNumber(pt); ok {
				to, known := renumbered.of(n)
				if !known {
					continue
				}
				a.Value = strconv.Itoa(int(to)) + " " + rest
			}
		}
		kept = append(kept, a)
	}
	return kept
}

// session writes the session level: one c= for all lines that share it, and ICE lite if
// any line has ICE.
func (a *Agent) session(d *sdp.Description, lines []Line) {
	d.Connection = a.addr.Unmap().WithZone("")
	d.Bandwidth, d.Info = a.passed.Bandwidth, a.passed.Info
	d.Attributes = append(d.Attributes, a.passed.Attributes...)
	for i := range d.Media {
		aside := i < len(lines) && lines[i].Aside
		if d.Media[i].Port != 0 && d.Media[i].Connection.IsValid() && !aside {
			d.Connection = d.Media[i].Connection
			break
		}
	}
	for i := range d.Media {
		m := &d.Media[i]
		if m.Port == 0 || !m.Connection.IsValid() {
			m.Connection = d.Connection
		}
		if i < len(lines) && lines[i].ICE.Lite && has(m.Attributes, "ice-ufrag") && !has(d.Attributes, "ice-lite") {
			d.Attributes = append(d.Attributes, sdp.Attribute{Name: "ice-lite", Value: ""})
		}
	}
}

// transports returns for each m-line the one whose address, ICE and DTLS it uses: the
// first of its group that is on, otherwise itself (RFC 9143 §7.2).
func transports(d *sdp.Description, groups [][]string, alive func(int) bool) []int {
	of := make([]int, len(d.Media))
	for i := range of {
		of[i] = i
	}
	for _, group := range groups {
		first := -1
		for _, mid := range group {
			i := slices.IndexFunc(d.Media, func(m sdp.Media) bool { return m.MID == mid })
			if i < 0 || !alive(i) {
				continue
			}
			if first < 0 {
				first = i
			}
			of[i] = first
		}
	}
	return of
}

// bundles returns the mids of each BUNDLE group.
func bundles(d *sdp.Description) [][]string {
	var groups [][]string
	for _, a := range d.Attributes {
		if a.Name != "group" {
			continue
		}
		if f := strings.Fields(a.Value); len(f) > 0 && strings.EqualFold(f[0], "BUNDLE") {
			groups = append(groups, f[1:])
		}
	}
	return groups
}

func has(attributes []sdp.Attribute, name string) bool {
	return slices.ContainsFunc(attributes, func(a sdp.Attribute) bool { return a.Name == name })
}
