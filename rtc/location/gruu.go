package location

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// GRUU makes and reads globally routable user agent URIs (RFC 5627).
//
// A public GRUU is the address-of-record with gr=<instance>; who has the
// address finds the instance among its bindings. A temporary one hides both:
// its user part is the sealed address, instance and Call-ID, so that it needs no
// table and survives a restart, and no two of them look alike. It is good while
// a binding of that instance made by that Call-ID lives (§3.2).
type GRUU struct{ aead cipher.AEAD }

// tempPrefix begins the user part of a temporary GRUU.
const tempPrefix = "tgruu."

// NewGRUU uses key, 32 secret octets that survive a restart.
func NewGRUU(key []byte) (*GRUU, error) {
	if len(key) != 32 {
		return nil, errors.New("the GRUU key must have 32 octets")
	}
	// The key serves others too; what is sealed here must mean nothing there.
	own := sha256.Sum256(append([]byte("temp-gruu\x00"), key...))
	block, err := aes.NewCipher(own[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &GRUU{aead: aead}, nil
}

// AppendPublic appends the public GRUU of an instance of aor.
func AppendPublic(dst []byte, aor rtc.AOR, instance string) []byte {
	dst = append(dst, aor...)
	dst = append(dst, ";gr="...)
	return appendParamValue(dst, bare(instance))
}

// bare takes the angle brackets off an instance.
func bare(instance string) string {
	return strings.TrimSuffix(strings.TrimPrefix(instance, "<"), ">")
}

// appendParamValue escapes what may not stand in a URI parameter (RFC 3261
// §25.1 pvalue).
func appendParamValue(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte("-_.!~*'()[]/:&+$", c) >= 0:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// AppendTemp appends a new temporary GRUU of a binding of aor.
func (g *GRUU) AppendTemp(dst []byte, aor rtc.AOR, b *Binding) []byte {
	nonce := make([]byte, g.aead.NonceSize(), 512)
	rand.Read(nonce) // never fails
	plain := append(nonce, callMark(b.CallID)...)
	plain = append(plain, byte(min(len(aor), 255)))
	plain = append(plain, aor...)
	plain = appendInstance(plain, b.Instance)
	nonce, plain = plain[:len(nonce)], plain[len(nonce):]
	sealed := g.aead.Seal(nonce, nonce, plain, nil) // in place
	dst = append(dst, "sip:"+tempPrefix...)
	dst = base64.RawURLEncoding.AppendEncode(dst, sealed)
	dst = append(dst, '@')
	dst = append(dst, aor.Domain()...)
	return append(dst, ";gr"...)
}

// Temp finds whom a temporary GRUU of ours means, by the bindings there are. It is
// what proxy.Config.TempGRUU asks for.
func (g *GRUU) Temp(bindings Lookup, uri sip.URI) (aor rtc.AOR, instance string, ok bool) {
	text, ours := bytes.CutPrefix(uri.User, []byte(tempPrefix))
	if !ours || len(text) > 1024 {
		return "", "", false
	}
	sealed, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text) // one spelling for each
	if err != nil || len(sealed) < g.aead.NonceSize() {
		return "", "", false
	}
	plain, err := g.aead.Open(nil, sealed[:g.aead.NonceSize()], sealed[g.aead.NonceSize():], nil)
	if err != nil || len(plain) < markSize+1 || len(plain) < markSize+1+int(plain[markSize]) {
		return "", "", false
	}
	mark, rest := string(plain[:markSize]), plain[markSize+1:]
	aor = rtc.AOR(rest[:plain[markSize]])
	instance, ok = readInstance(rest[plain[markSize]:])
	if !ok {
		return "", "", false
	}
	for _, b := range bindings.Bindings(aor) {
		if b.Instance == instance && string(callMark(b.CallID)) == mark {
			return aor, instance, true
		}
	}
	return "", "", false
}

const markSize = 8

// callMark stands for a Call-ID.
func callMark(callID string) []byte {
	sum := sha256.Sum256([]byte(callID))
	return sum[:markSize]
}

// The usual instance, <urn:uuid:…> in the usual spelling, takes 17 octets.
const uuidPrefix = "<urn:uuid:"

func appendInstance(dst []byte, instance string) []byte {
	if u, ok := strings.CutPrefix(instance, uuidPrefix); ok && len(u) == 37 {
		var digits, id [32]byte
		n := 0
		for i := range 36 {
			if u[i] != '-' && n < len(digits) {
				digits[n] = u[i]
				n++
			}
		}
		var spelled [len(uuidPrefix) + 37]byte
		if n, err := hex.Decode(id[:], digits[:n]); err == nil && string(appendUUID(spelled[:0], id[:n])) == instance {
			return append(append(dst, 1), id[:n]...)
		}
	}
	return append(append(dst, 0), instance...)
}

func readInstance(b []byte) (string, bool) {
	switch {
	case len(b) == 17 && b[0] == 1:
		return string(appendUUID(nil, b[1:])), true
	case len(b) > 1 && b[0] == 0:
		return string(b[1:]), true
	}
	return "", false
}

// appendUUID spells an instance of 16 octets; others are none.
func appendUUID(dst, id []byte) []byte {
	if len(id) != 16 {
		return dst
	}
	dst = append(dst, uuidPrefix...)
	for _, n := range [...]int{4, 2, 2, 2, 6} {
		dst = append(hex.AppendEncode(dst, id[:n]), '-')
		id = id[n:]
	}
	dst[len(dst)-1] = '>'
	return dst
}
