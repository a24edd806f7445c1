package proxy

import (
	"bytes"

	"tandem/rtc/sip"
)

// trustHeader is a header field of the trust domain (RFC 3324): what it says is
// believed, so only a sender that may assert can have it pass.
type trustHeader struct {
	name    string
	outside outside
}

// outside is what becomes of it toward a target outside the trust domain.
type outside uint8

const (
	never         outside = iota // it does not leave
	unlessID                     // it leaves unless the caller wants to be unknown: Privacy "id"
	unlessHistory                // it leaves unless the caller wants the way of his call unknown: Privacy "history" (RFC 7044 §10.1)
	always                       // it is for everybody
	consumed                     // it does not pass the first proxy at all
)

// trustHeaders are all that are known, each with its RFC.
var trustHeaders = [...]trustHeader{
	{"P-Asserted-Identity", unlessID},        // RFC 3325 §9.1
	{"P-Preferred-Identity", consumed},       // RFC 3325 §9.2
	{"Remote-Party-ID", unlessID},            // draft-ietf-sip-privacy-04; phones show it like the first
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

// mayHoldTrust reports whether a message can have any of them: most have not.
func mayHoldTrust(m *sip.Message) bool {
	return m.Has(sip.HdrOther) || m.Has(sip.HdrPAssertedIdentity) || m.Has(sip.HdrPPreferredIdentity) || m.Has(sip.HdrRemotePartyID) ||
		m.Has(sip.HdrIdentity) || m.Has(sip.HdrDiversion) || m.Has(sip.HdrHistoryInfo)
}

// distrust takes out of a copy what the sender may not assert, and what the
// target is not to be told.
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

// unassert takes out of a response what only the trust domain may say.
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

// wants reports whether a caller asks for a kind of privacy (RFC 3323 §4.2: the
// kinds stand between semicolons).
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
