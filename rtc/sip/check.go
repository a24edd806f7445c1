package sip

import "bytes"

// Check applies the rules a server enforces before it processes a request or
// response beyond its grammar (RFC 3261 §8.1.1, §8.2, RFC 4475): mandatory and
// single header fields, CSeq method, version, URI scheme, ranges. An unknown
// URI scheme is left to the caller, who may know it (416).
// The error's Code is 0 for responses: they are discarded.
func (m *Message) Check() *Error {
	err := m.check()
	if err != nil && !m.request {
		return &Error{Reason: err.Reason}
	}
	return err
}

func (m *Message) check() *Error {
	if !EqualFold(m.at(m.version), version) { // RFC 3261 §7.1
		return &Error{Code: 505, Reason: ReasonPhrase(505)}
	}
	if err := m.checkPresent(); err != nil {
		return err
	}
	if err := m.checkSingle(); err != nil {
		return err
	}
	if err := m.checkCSeq(); err != nil {
		return err
	}
	var err *Error
	if m.seen.via, err = ParseVia(FirstElement(m.Get(HdrVia))); err != nil {
		return err
	}
	if string(m.seen.via.Branch) == MagicCookie && m.request {
		return bad("Via branch is the magic cookie alone") // RFC 4475 §3.2.1
	}
	if m.seen.from, err = m.checkAddress(HdrFrom, &m.seen.uris.from); err != nil {
		return err
	}
	if m.seen.to, err = m.checkAddress(HdrTo, &m.seen.uris.to); err != nil {
		return err
	}
	m.seen.checked = true
	if !m.request {
		return nil
	}
	if err := m.checkLowerVias(); err != nil {
		return err
	}
	return m.checkRequest()
}

// checkLowerVias reads the Vias below the top one: the response must find its way
// back along all of them (RFC 4475 §3.1.2.1).
func (m *Message) checkLowerVias() *Error {
	top := true
	for v := range m.Values(HdrVia) {
		if top {
			top = false
			continue
		}
		if _, err := ParseVia(v); err != nil {
			return err
		}
	}
	return nil
}

// replacesWanted is what Polycom phones leave in the Request-URI of an attended
// transfer from the Refer-To they follow. It says what Replaces says again.
var replacesWanted = []byte("require=replaces")

func (m *Message) checkRequest() *Error {
	u, err := ParseURI(m.RequestURI())
	if err != nil {
		return err
	}
	m.seen.uris.target = u
	if len(u.Host) > 0 && u.Host[0] == '[' {
		if _, ok := HostAddr(u.Host); !ok {
			return bad("Bad IPv6 address in Request-URI")
		}
	}
	if u.Nowhere {
		return bad("Port 0 in Request-URI")
	}
	if u.Headers != nil && !bytes.EqualFold(u.Headers, replacesWanted) {
		return bad("Headers in Request-URI") // RFC 3261 §19.1.1
	}
	if m.method == INVITE && m.Has(HdrContact) { // where the requests of the dialog will go (RFC 3261 §12.1.1)
		if err := checkContact(FirstElement(m.Get(HdrContact))); err != nil {
			return err
		}
	}
	if m.Has(HdrMaxForwards) { // absent is RFC 2543; RFC 3261 §16.3 step 3
		if _, ok := m.MaxForwards(); !ok {
			return bad("Bad Max-Forwards")
		}
	}
	return nil
}

// checkContact wants an address to which the requests of a dialog can go.
func checkContact(v []byte) *Error {
	a, err := ParseNameAddr(v)
	if err != nil || a.Star {
		return bad("Bad Contact")
	}
	if u, err := ParseURI(a.URI); err == nil && u.Nowhere {
		return bad("Port 0 in Contact")
	}
	return nil
}

// checkPresent wants the header fields of RFC 3261 §8.1.1 but Max-Forwards,
// which RFC 2543 did not know.
func (m *Message) checkPresent() *Error {
	for _, h := range [...]struct {
		id     HeaderID
		reason string
	}{
		{HdrVia, "Missing Via header"},
		{HdrFrom, "Missing From header"},
		{HdrTo, "Missing To header"},
		{HdrCallID, "Missing Call-ID header"},
		{HdrCSeq, "Missing CSeq header"},
	} {
		if !m.Has(h.id) {
			return bad(h.reason)
		}
	}
	if len(m.CallID()) == 0 {
		return bad("Empty Call-ID header")
	}
	return nil
}

// single are the header fields that may appear once (RFC 3261 §7.3.1).
var single = [headerIDs]string{
	HdrFrom:              "More than one From header",
	HdrTo:                "More than one To header",
	HdrCallID:            "More than one Call-ID header",
	HdrCSeq:              "More than one CSeq header",
	HdrMaxForwards:       "More than one Max-Forwards header",
	HdrContentLength:     "More than one Content-Length header",
	HdrContentType:       "More than one Content-Type header",
	HdrExpires:           "More than one Expires header",
	HdrEvent:             "More than one Event header",
	HdrSubscriptionState: "More than one Subscription-State header",
	HdrSIPIfMatch:        "More than one SIP-If-Match header",
	HdrRAck:              "More than one RAck header",
	HdrReferTo:           "More than one Refer-To header",
	HdrReplaces:          "More than one Replaces header",
	HdrSessionExpires:    "More than one Session-Expires header",
}

func (m *Message) checkSingle() *Error {
	for i := range m.lines {
		id := m.lines[i].id
		if int(m.first[id]) <= i && single[id] != "" {
			return bad(single[id])
		}
	}
	return nil
}

// checkCSeq wants a number below 2^31 and the method of the request line
// (RFC 3261 §8.1.1.5).
func (m *Message) checkCSeq() *Error {
	if _, ok := m.CSeq(); !ok {
		return bad("Bad CSeq number")
	}
	method := m.CSeqMethod()
	if !isToken(method) {
		return bad("Bad CSeq method")
	}
	if m.request && string(method) != string(m.MethodName()) {
		if m.method == MethodOther {
			return &Error{Code: 501, Reason: ReasonPhrase(501)} // RFC 4475 §3.1.2.18
		}
		return bad("CSeq method differs from request line")
	}
	return nil
}

// checkAddress wants one name-addr with a URI in From and To, and leaves it in uri.
func (m *Message) checkAddress(id HeaderID, uri *URI) (NameAddr, *Error) {
	a, err := ParseNameAddr(m.Get(id))
	if err == nil && a.Star {
		err = bad("Empty address")
	}
	if err == nil {
		*uri, err = ParseURI(a.URI)
	}
	if err != nil {
		*uri = URI{}
		if id == HdrFrom {
			return a, bad("From: " + err.Reason)
		}
		return a, bad("To: " + err.Reason)
	}
	return a, nil
}
