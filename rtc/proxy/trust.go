package proxy

import (
	"bytes"

	"tandem/rtc/sip"
)

// trustHeader is a header field that is believed within a trust domain (RFC 3324), so
// it passes only from a sender whose assertions are believed.
type trustHeader struct {
	name    string
	outside outside
}

// outside says what happens to the field toward a target outside the trust domain.
type outside uint8

const (
	never         outside = iota // it is removed
	unlessID                     // it is removed if the caller asks for privacy with Privacy: id
	unlessHistory                // it is removed if the caller asks for privacy with Privacy: history (RFC 7044 §10.1)
	always                       // it passes
	consumed                     // it does not pass the first proxy at all
)

// trustHeaders are all known ones, each with its RFC.
var trustHeaders = [...]trustHeader{
	{"P-Asserted-Identity", unlessID},        // RFC 3325 §9.1
	{"P-Preferred-Identity", consumed},       // RFC 3325 §9.2
	{"Remote-Party-ID", unlessID},            // draft-ietf-sip-privacy-04; phones display it like P-Asserted-Identity
	{"Identity", always},                     // RFC 8224: the receiver verifies it, we do not
	{"Diversion", unlessHistory},             // RFC 5806
	{"History-Info", unlessHistory},          // RFC 7044
	{"P-Charge-Info", never},                 // RFC 8496
	{"P-Served-User", never},                 // RFC 5502
	{"P-Asserted-Service", never},            // RFC 6050 §4.1
	{"P-Preferred-Service", consumed},        // RFC 6050 §4.2
	{"P-Private-Network-Indication", never},  // RFC 7316
	{"P-Charging-Vector", never},             // RFC 7315 §4.6
	{"P-Charging-Function-Addresses", never}, // RFC 7315 §4.5
	{"P-Access-Network-Info", never},         // RFC 7315 §4.4
	{"P-Visited-Network-ID", never},          // RFC 7315 §4.3
	{"P-Called-Party-ID", always},            // RFC 7315 §4.2: for the phone
	{"P-Profile-Key", never},                 // RFC 5002
	{"P-User-Database", never},               // RFC 4457
	{"P-DCS-Billing-Info", never},            // RFC 5503
}

// trustHeaderOf finds the rule for a header line, nil when there is none.
func trustHeaderOf(h sip.Header) *trustHeader {
	switch h.ID {
	case sip.HdrOther:
		if len(h.Name) < 2 || h.Name[0]|0x20 != 'p' || h.Name[1] != '-' {
			return nil
		}
		for i := range trustHeaders {
			if sip.EqualFold(h.Name, trustHeaders[i].name) {
				return &trustHeaders[i]
			}
		}
		return nil
	case sip.HdrPAssertedIdentity:
		return &trustHeaders[0]
	case sip.HdrPPreferredIdentity:
		return &trustHeaders[1]
	case sip.HdrRemotePartyID:
		return &trustHeaders[2]
	case sip.HdrIdentity:
		return &trustHeaders[3]
	case sip.HdrDiversion:
		return &trustHeaders[4]
	case sip.HdrHistoryInfo:
		return &trustHeaders[5]
	}
	return nil
}

// mayHoldTrust quickly excludes messages without any of these fields, as most are.
func mayHoldTrust(m *sip.Message) bool {
	return m.Has(sip.HdrOther) || m.Has(sip.HdrPAssertedIdentity) || m.Has(sip.HdrPPreferredIdentity) || m.Has(sip.HdrRemotePartyID) ||
		m.Has(sip.HdrIdentity) || m.Has(sip.HdrDiversion) || m.Has(sip.HdrHistoryInfo)
}

// distrust removes from a copy what the sender may not assert and what the target must
// not learn.
func (p *Proxy) distrust(e *sip.Edit, m *sip.Message, pl *plan, t *target) {
	if !mayHoldTrust(m) {
		return
	}
	inside := t.by == routed && t.route.Trusted
	for i := range m.Len() {
		h := m.At(i)
		rule := trustHeaderOf(h)
		if rule == nil {
			continue
		}
		believed := pl.asserts() || rule.outside == unlessHistory && p.cfg.DiversionOfUsers && pl.from != nil
		if !believed || !rule.passes(m, inside) {
			e.DelAt(i)
		}
	}
}

// unassert removes from a response what only the trust domain may assert.
func unassert(e *sip.Edit, m *sip.Message) {
	if !mayHoldTrust(m) {
		return
	}
	for i := range m.Len() {
		if r := trustHeaderOf(m.At(i)); r != nil && r.outside != always {
			e.DelAt(i)
		}
	}
}

func (r *trustHeader) passes(m *sip.Message, inside bool) bool {
	switch {
	case r.outside == consumed:
		return false
	case inside || r.outside == always:
		return true
	case r.outside == unlessID:
		return !wants(m, "id")
	case r.outside == unlessHistory:
		return !wants(m, "history") && !wants(m, "id")
	}
	return false
}

// wants reports whether a caller asks for a kind of privacy (RFC 3323 §4.2: the kinds
// are separated by semicolons).
func wants(m *sip.Message, kind string) bool {
	if !m.Has(sip.HdrPrivacy) {
		return false
	}
	for v := range m.Values(sip.HdrPrivacy) {
		for k := range bytes.SplitSeq(v, []byte(";")) {
			if sip.EqualFold(bytes.TrimSpace(k), kind) {
				return true
			}
		}
	}
	return false
}
