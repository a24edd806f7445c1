package registrar

import (
	"bytes"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// contact is one Contact of a request.
type contact struct {
	draft  location.Draft
	uri    sip.URI
	remove bool // expires 0
	same   bool // leave as it is
}

// maxTexts bounds the octets kept of one binding.
const maxTexts = 4096

// read checks the request and turns it into contacts. What it returns is the
// answer that refuses it.
func (j *job) read() *rtc.Status {
	// §10.3 step 2: extensions that must be understood.
	if st := j.required(); st != nil {
		return st
	}
	// Steps 3 and 4 were the gate's; a request it has not seen is not served.
	if j.id == nil {
		return &rtc.Status{Code: 403, Reason: "Not Authenticated"}
	}
	if st := j.address(); st != nil {
		return st
	}
	var ok bool
	if j.cseq, ok = j.m.CSeq(); !ok {
		return &rtc.Status{Code: 400, Reason: "Bad CSeq"}
	}
	if j.callID = j.m.CallID(); len(j.callID) == 0 {
		return &rtc.Status{Code: 400, Reason: "Missing Call-ID"}
	}
	j.path = j.joined(sip.HdrPath)
	j.gruu = j.g.cfg.GRUU != nil && j.m.HasToken(sip.HdrSupported, "gruu")
	// §10.3 step 6: the Contacts.
	if st := j.readContacts(); st != nil {
		return st
	}
	return nil
}

// required refuses what a Require header asks for and we have not.
func (j *job) required() *rtc.Status {
	var unsupported []byte
	for tag := range j.m.Values(sip.HdrRequire) {
		if !sip.EqualFold(tag, "path") && !sip.EqualFold(tag, "outbound") && !sip.EqualFold(tag, "gruu") {
			unsupported = append(append(append(unsupported, "Unsupported: "...), tag...), "\r\n"...)
		}
	}
	if unsupported == nil {
		return nil
	}
	return &rtc.Status{Code: 420, Header: unsupported}
}

// address finds whose bindings are meant: §10.3 step 5.
func (j *job) address() *rtc.Status {
	if _, ok := j.m.To(); !ok {
		return &rtc.Status{Code: 400, Reason: "Bad To"}
	}
	uri, err := j.m.ToURI()
	if err != nil {
		return &rtc.Status{Code: 400, Reason: "Bad To: " + err.Reason}
	}
	if uri.Kind != sip.URISIP && uri.Kind != sip.URISIPS {
		return &rtc.Status{Code: 400, Reason: "To Must Be a SIP URI"}
	}
	g := j.g
	var buf [192]byte
	var user directory.User
	var ok bool
	switch {
	case g.users.Domain(uri.Host):
		user, ok = j.resolve(uri.AppendAOR(buf[:0]))
	case g.cfg.Local != nil && g.cfg.Local(uri.Host, uri.Port): // old phones name our address
		uri.Host, uri.Port = []byte(g.cfg.Domain), 0
		user, ok = j.resolve(uri.AppendAOR(buf[:0]))
	default:
		ok = false
	}
	if !ok {
		return &rtc.Status{Code: 404, Reason: "User Not Found"}
	}
	if !user.Enabled {
		return &rtc.Status{Code: 403, Reason: "User Disabled"}
	}
	j.aor = user.AOR
	return nil
}

// resolve finds the user at an address. Most register for themselves: the gate has just
// found that user, whose account it would have refused were it disabled.
func (j *job) resolve(address []byte) (directory.User, bool) {
	if id := j.id; id.Method == rtc.AuthDigest && id.Peer == "" && string(address) == string(id.AOR) {
		return directory.User{AOR: id.AOR, Enabled: true}, true
	}
	return j.g.users.Resolve(rtc.AOR(address))
}

// readContacts takes in every Contact; a later one for the same binding
// replaces an earlier one.
func (j *job) readContacts() *rtc.Status {
	nat := j.translated()
	seen := 0
	for value := range j.m.Values(sip.HdrContact) {
		if seen++; seen > maxBindings {
			return &rtc.Status{Code: 403, Reason: "Too Many Contacts"}
		}
		if bytes.IndexByte(value, '\n') >= 0 {
			value = unfold(value)
		}
		a, err := sip.ParseNameAddr(value)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Contact: " + err.Reason}
		}
		if a.Star {
			j.star = true
			continue
		}
		var c contact
		if st := j.readContact(&c, a, value, nat); st != nil {
			return st
		}
		if i := j.twin(&c); i >= 0 {
			j.contacts[i] = c
		} else {
			j.contacts = append(j.contacts, c)
		}
	}
	if !j.star {
		return nil
	}
	// §10.3 step 6: * stands alone and removes, nothing else.
	expires, ok := j.m.Expires()
	if seen > 1 {
		return &rtc.Status{Code: 400, Reason: "Contact * Must Stand Alone"}
	}
	if !ok || expires != 0 {
		return &rtc.Status{Code: 400, Reason: "Contact * Needs Expires: 0"}
	}
	return nil
}

// twin finds an earlier contact of this request that means the same binding.
func (j *job) twin(c *contact) int {
	for i := range j.contacts {
		o := &j.contacts[i]
		if c.draft.RegID != 0 || o.draft.RegID != 0 {
			if c.draft.RegID == o.draft.RegID && bytes.Equal(c.draft.Instance, o.draft.Instance) {
				return i
			}
		} else if sip.EqualURI(c.uri, o.uri) {
			return i
		}
	}
	return -1
}

// readContact fills a draft from one Contact.
func (j *job) readContact(c *contact, a sip.NameAddr, value []byte, nat bool) *rtc.Status {
	uri, err := sip.ParseURI(a.URI)
	if err != nil {
		return &rtc.Status{Code: 400, Reason: "Bad Contact: " + err.Reason}
	}
	if _, gr := uri.Param("gr"); gr && j.g.users.Domain(uri.Host) {
		return &rtc.Status{Code: 403, Reason: "Contact Is a GRUU"} // RFC 5627 §5.1
	}
	if uri.Nowhere {
		return &rtc.Status{Code: 400, Reason: "Port 0 in Contact"}
	}
	c.uri = uri
	d := &c.draft
	d.Contact, d.URI, d.CallID, d.CSeq, d.Path = value, a.URI, j.callID, j.cseq, j.path
	d.UserAgent = j.m.Get(sip.HdrUserAgent)
	d.Flow, d.Device = j.flow, j.id.Device
	if len(value)+len(d.CallID)+len(d.Path) > maxTexts {
		return &rtc.Status{Code: 400, Reason: "Contact Too Long"}
	}
	if len(d.UserAgent) > 256 {
		d.UserAgent = d.UserAgent[:256]
	}
	if q, has := a.Param("q"); has {
		if d.Q, has = parseQ(q); !has {
			return &rtc.Status{Code: 400, Reason: "Bad q in Contact"}
		}
	} else {
		d.Q = 1000
	}
	if d.Instance, _ = a.Param("+sip.instance"); len(d.Instance) > 0 {
		d.TempGRUU = j.gruu // RFC 5627 §5.1
		if st := j.readOutbound(d, a); st != nil {
			return st
		}
	}
	return j.readExpires(c, a, nat)
}

// readOutbound takes the reg-id of a phone that keeps its flow alive (RFC 5626 §6).
func (j *job) readOutbound(d *location.Draft, a sip.NameAddr) *rtc.Status {
	text, has := a.Param("reg-id")
	if !has || !j.m.HasToken(sip.HdrSupported, "outbound") && !j.m.HasToken(sip.HdrRequire, "outbound") {
		return nil // a reg-id alone means nothing
	}
	id, ok := sip.ParseUint(text, 1<<31-1)
	if !ok || id == 0 {
		return &rtc.Status{Code: 400, Reason: "Bad reg-id in Contact"}
	}
	if j.hops() > 1 && !j.edgeOutbound() {
		return &rtc.Status{Code: 439} // First Hop Lacks Outbound Support
	}
	d.RegID = uint32(id)
	j.outbound = true
	return nil
}

// readExpires decides how long: the contact's own wish, the request's, ours.
func (j *job) readExpires(c *contact, a sip.NameAddr, nat bool) *rtc.Status {
	g := j.g
	asked := g.cfg.DefaultExpires
	if text, has := a.Param("expires"); has {
		asked = time.Hour // RFC 3261 §20.10: a malformed value counts as 3600
		if n, ok := sip.ParseUint(text, 1<<32-1); ok {
			asked = time.Duration(n) * time.Second
		}
	} else if n, ok := j.m.Expires(); ok {
		asked = time.Duration(n) * time.Second
	} else if j.m.Has(sip.HdrExpires) {
		asked = time.Hour // RFC 3261 §20.19: so does a malformed header
	}
	switch {
	case asked == 0:
		// A keep-alive toward the second server of a Cisco phone is no removal.
		if _, alive := a.Param("cisco-keep-alive"); alive {
			c.same = true
		}
		c.remove = !c.same
		return nil
	case asked < g.cfg.MinExpires && asked < time.Hour:
		// §10.3 step 7: too brief
		return &rtc.Status{Code: 423, Header: appendSeconds([]byte("Min-Expires: "), g.cfg.MinExpires, "\r\n")}
	}
	c.draft.Expires = j.now.Add(g.grant(asked, g.longest(nat, c.draft.RegID == 0 && j.connected())))
	return nil
}

// connected reports whether the request came straight from the phone by a
// connection.
func (j *job) connected() bool {
	return j.flow != (transport.Flow{}) && j.flow.Proto().Stream() && j.hops() == 1
}

// translated reports whether a translator stands between us and the phone: the
// request came straight from it by UDP, and not from where it says to be.
func (j *job) translated() bool {
	if j.g.cfg.NATExpires <= 0 || !j.m.Source.IsValid() || j.flow == (transport.Flow{}) || j.flow.Proto().Stream() || j.hops() != 1 {
		return false
	}
	via, ok := j.m.TopVia()
	if !ok {
		return false
	}
	said, ok := sip.HostAddr(via.Host)
	return ok && said != j.m.Source.Addr().Unmap()
}

// hops is the number of Vias.
func (j *job) hops() int {
	n := 0
	for range j.m.Values(sip.HdrVia) {
		n++
	}
	return n
}

// edgeOutbound reports whether the proxy next to the phone marked the Path with
// ob: it is the last value, because each proxy puts its own above.
func (j *job) edgeOutbound() bool {
	var last []byte
	for v := range j.m.Values(sip.HdrPath) {
		last = v
	}
	a, err := sip.ParseNameAddr(last)
	if err != nil {
		return false
	}
	uri, err := sip.ParseURI(a.URI)
	if err != nil {
		return false
	}
	_, ob := uri.Param("ob")
	return ob
}

// joined is every value of a header in one list.
func (j *job) joined(id sip.HeaderID) []byte {
	switch j.m.Count(id) {
	case 0:
		return nil
	case 1:
		if v := j.m.Get(id); bytes.IndexByte(v, '\n') < 0 {
			return v
		}
	}
	var all []byte
	for v := range j.m.Values(id) {
		if len(all) > 0 {
			all = append(all, ", "...)
		}
		all = append(all, unfold(v)...)
	}
	return all
}

// unfold puts a value that was folded over lines on one (RFC 3261 §7.3.1).
func unfold(v []byte) []byte {
	flat := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\r' || v[i] == '\n' {
			continue // a blank follows the line end
		}
		flat = append(flat, v[i])
	}
	return flat
}

// parseQ reads a qvalue in thousandths (RFC 3261 §25.1): 0 to 1 with up to
// three decimals; the leading 0 may be missing.
func parseQ(b []byte) (uint16, bool) {
	whole, part, dotted := bytes.Cut(b, []byte("."))
	if len(b) == 0 || len(whole)+len(part) == 0 || len(whole) > 1 || len(part) > 3 {
		return 0, false
	}
	n, scale := 0, 1000
	if len(whole) == 1 {
		if whole[0] != '0' && whole[0] != '1' {
			return 0, false
		}
		n = int(whole[0]-'0') * scale
	}
	if dotted {
		for _, c := range part {
			if c < '0' || c > '9' {
				return 0, false
			}
			scale /= 10
			n += int(c-'0') * scale
		}
	}
	return uint16(n), n <= 1000
}
