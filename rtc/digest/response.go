package digest

import "encoding/hex"

// Proof is what a response is computed of, besides the secret, the method and
// the body. All is used as it is spelled on the wire.
type Proof struct {
	Algorithm Algorithm
	Nonce     []byte
	URI       []byte // digest-uri
	NC        []byte // with QOP only, as is CNonce
	CNonce    []byte
	QOP       []byte // "auth" or "auth-int"; nil as in RFC 2069
	Int       bool   // QOP is "auth-int": the body is covered
}

// A2 is the hash of the last A2, kept because phones ask for the same thing
// again and again: the method and the server.
type A2 struct {
	text      []byte
	hex       [2 * MaxSize]byte
	algorithm Algorithm
}

func (h *A2) of(a Algorithm, a2 []byte) []byte {
	if h.algorithm != a || string(h.text) != string(a2) {
		h.text = append(h.text[:0], a2...)
		h.algorithm = a
		a.appendHex(h.hex[:0], a2)
	}
	return h.hex[:2*a.Size()]
}

// Prepare appends to the empty buf, for method and body, everything of the
// hashed text that does not depend on the secret: room for H(A1), then
// ":nonce:…:H(A2)" (RFC 7616 §3.4.1 and §3.4.3, RFC 2069 without qop).
func (p *Proof) Prepare(buf, method, body []byte, last *A2) []byte {
	hash := 2 * p.Algorithm.Size()
	// A2 is hashed from the place where the text will stand.
	a2 := append(buf, method...)
	a2 = append(append(a2, ':'), p.URI...)
	if p.Int {
		a2 = p.Algorithm.appendHex(append(a2, ':'), body)
	}
	h2 := last.of(p.Algorithm, a2[len(buf):])

	for len(buf) < hash {
		buf = append(buf, '0')
	}
	buf = append(append(buf[:hash], ':'), p.Nonce...)
	if len(p.QOP) > 0 {
		buf = append(append(buf, ':'), p.NC...)
		buf = append(append(buf, ':'), p.CNonce...)
		buf = append(append(buf, ':'), p.QOP...)
	}
	return append(append(buf, ':'), h2...)
}

// AppendResponse appends the response for one H(A1). text comes from Prepare
// and can be used again.
func (p *Proof) AppendResponse(dst, text, ha1 []byte) []byte {
	hex.Encode(text, ha1)
	return p.Algorithm.appendHex(dst, text)
}
