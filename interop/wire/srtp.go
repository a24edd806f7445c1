package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// suite is the protection of sound that devices here know (RFC 4568 §6.2.1).
const suite = "AES_CM_128_HMAC_SHA1_80"

// Lengths of a key and what goes with it, octets (RFC 3711 §8.2).
const (
	keyLength  = 16
	saltLength = 14
	macLength  = 20
	tagLength  = 10
	rtpHead    = 12
)

// errForged is a packet whose tag does not fit.
var errForged = errors.New("the packet is not of who has the key")

// SRTP protects packets of one direction (RFC 3711), with the suite above and no
// extensions in the header. It is written here so that a mistake of the server's library
// is not made on both sides. Not safe for use by two goroutines.
type SRTP struct {
	block cipher.Block
	salt  [saltLength]byte
	mac   []byte
	count uint32 // how often the sequence number has begun anew
	last  uint16
	begun bool
}

// NewKey is the key and salt of one direction, as base64.
func NewKey() string {
	b := make([]byte, keyLength+saltLength)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// Crypto is the line of a description that gives a key (RFC 4568 §9.1).
func Crypto(key string) string { return "a=crypto:1 " + suite + " inline:" + key }

// KeyOf finds the key of the suite in a description, "" for none.
func KeyOf(description []byte) string {
	for line := range strings.Lines(string(description)) {
		_, inline, ok := strings.Cut(line, " "+suite+" inline:")
		if ok && strings.HasPrefix(line, "a=crypto:") {
			key, _, _ := strings.Cut(strings.TrimSpace(inline), "|")
			key, _, _ = strings.Cut(key, " ")
			return key
		}
	}
	return ""
}

// NewSRTP takes the key of one direction.
func NewSRTP(key string) (*SRTP, error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != keyLength+saltLength {
		return nil, fmt.Errorf("%q is no key of %s", key, suite)
	}
	master, err := aes.NewCipher(b[:keyLength])
	if err != nil {
		return nil, err
	}
	// §4.3.1: each use has a label of its own. No rate is given, so the index is 0.
	derive := func(label byte, n int) []byte {
		var iv [16]byte
		copy(iv[:], b[keyLength:])
		iv[7] ^= label
		out := make([]byte, n)
		cipher.NewCTR(master, iv[:]).XORKeyStream(out, out)
		return out
	}
	s := &SRTP{mac: derive(1, macLength)}
	copy(s.salt[:], derive(2, saltLength))
	s.block, err = aes.NewCipher(derive(0, keyLength))
	return s, err
}

// Seal protects a packet of RTP.
func (s *SRTP) Seal(packet []byte) []byte {
	count := s.index(packet)
	out := append([]byte(nil), packet...)
	s.cipher(out, count)
	return append(out, s.tag(out, count)...)
}

// Open takes the protection off a packet.
func (s *SRTP) Open(packet []byte) ([]byte, error) {
	n := len(packet) - tagLength
	if n < rtpHead {
		return nil, errForged
	}
	before := *s
	count := s.index(packet)
	if !hmac.Equal(packet[n:], s.tag(packet[:n], count)) {
		*s = before
		return nil, errForged
	}
	out := append([]byte(nil), packet[:n]...)
	s.cipher(out, count)
	return out, nil
}

// index is how often the number of a packet has begun anew before it (§3.3.1).
func (s *SRTP) index(packet []byte) uint32 {
	number := binary.BigEndian.Uint16(packet[2:])
	count := s.count
	switch {
	case !s.begun:
	case number < s.last && s.last-number > 1<<15:
		count++
	case number > s.last && number-s.last > 1<<15:
		return count - 1 // late, from before
	case number < s.last:
		return count // late
	}
	s.begun, s.last, s.count = true, number, count
	return count
}

// cipher turns the sound of a packet into the protected one and back (§4.1.1).
func (s *SRTP) cipher(packet []byte, count uint32) {
	var iv [16]byte
	copy(iv[:], s.salt[:])
	for i, b := range packet[8:12] { // SSRC
		iv[4+i] ^= b
	}
	var index [8]byte
	binary.BigEndian.PutUint64(index[:], uint64(count)<<16|uint64(binary.BigEndian.Uint16(packet[2:])))
	for i, b := range index[2:] {
		iv[8+i] ^= b
	}
	cipher.NewCTR(s.block, iv[:]).XORKeyStream(packet[rtpHead:], packet[rtpHead:])
}

// tag proves a protected packet (§4.2).
func (s *SRTP) tag(packet []byte, count uint32) []byte {
	h := hmac.New(sha1.New, s.mac)
	h.Write(packet)
	_ = binary.Write(h, binary.BigEndian, count) // a hash takes all
	return h.Sum(nil)[:tagLength]
}
