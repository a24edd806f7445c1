package load

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strconv"

	"tandem/test/bench/server"
)

// line returns the value of the first header line that begins with name
// ("Call-ID: "), spelled as both servers spell it.
func line(msg []byte, name string) []byte {
	i := bytes.Index(msg, []byte("\r\n"+name))
	if i < 0 {
		return nil
	}
	v := msg[i+2+len(name):]
	return v[:bytes.IndexByte(v, '\r')]
}

// appendLines copies every header line that begins with name.
func appendLines(dst, msg []byte, name string) []byte {
	for {
		i := bytes.Index(msg, []byte("\r\n"+name))
		if i < 0 {
			return dst
		}
		msg = msg[i+2:]
		end := bytes.IndexByte(msg, '\n') + 1
		dst = append(dst, msg[:end]...)
		msg = msg[end-2:]
	}
}

// code is the status of a response, 0 for a request.
func code(msg []byte) int {
	if !bytes.HasPrefix(msg, []byte("SIP/2.0 ")) {
		return 0
	}
	return int(msg[8]-'0')*100 + int(msg[9]-'0')*10 + int(msg[10]-'0')
}

// slotOf reads the slot from a Call-ID "slot-sequence@bench", as slotNamed does.
func slotOf(msg []byte, seqs []uint32) int {
	name, _, _ := bytes.Cut(line(msg, "Call-ID: "), []byte("@"))
	return slotNamed(name, seqs)
}

// slotNamed reads "slot-sequence" and checks the sequence; -1 for what belongs to an
// operation that is over.
func slotNamed(name []byte, seqs []uint32) int {
	dash := bytes.IndexByte(name, '-')
	if dash < 0 {
		return -1
	}
	slot, seq := number(name[:dash]), number(name[dash+1:])
	if slot >= len(seqs) || uint32(seq) != seqs[slot] {
		return -1
	}
	return slot
}

func number(b []byte) int {
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }

// credentials answers a digest challenge (MD5, qop auth, RFC 2617), the
// algorithm both servers and every phone know.
type credentials struct {
	ha1 [][]byte // by user number, hex
	ha2 []byte
}

func newCredentials(users int) *credentials {
	c := &credentials{ha2: hexMD5([]byte("REGISTER:sip:" + server.Domain))}
	for i := range users {
		c.ha1 = append(c.ha1, hexMD5([]byte(server.UserName(i)+":"+server.Domain+":"+server.Password)))
	}
	return c
}

func hexMD5(b []byte) []byte {
	s := md5.Sum(b)
	return hex.AppendEncode(nil, s[:])
}

func (c *credentials) append(dst []byte, user int, nonce []byte, nc int) []byte {
	var ncHex [8]byte
	for i := 7; i >= 0; i-- {
		ncHex[i] = "0123456789abcdef"[nc&15]
		nc >>= 4
	}
	var scratch [512]byte
	b := append(scratch[:0], c.ha1[user]...)
	b = append(append(b, ':'), nonce...)
	b = append(append(b, ':'), ncHex[:]...)
	b = append(append(b, ":c0ffee:auth:"...), c.ha2...)
	sum := md5.Sum(b)
	dst = append(dst, `Authorization: Digest username="u`...)
	dst = appendInt(dst, user)
	dst = append(dst, `", realm="`+server.Domain+`", nonce="`...)
	dst = append(dst, nonce...)
	dst = append(dst, `", uri="sip:`+server.Domain+`", response="`...)
	dst = hex.AppendEncode(dst, sum[:])
	dst = append(dst, `", algorithm=MD5, cnonce="c0ffee", qop=auth, nc=`...)
	dst = append(dst, ncHex[:]...)
	return append(dst, "\r\n"...)
}

// nonceOf is the nonce of the MD5 challenge of a 401.
func nonceOf(msg []byte) []byte {
	for {
		i := bytes.Index(msg, []byte("\r\nWWW-Authenticate: "))
		if i < 0 {
			return nil
		}
		msg = msg[i+2:]
		v := msg[:bytes.IndexByte(msg, '\r')]
		if bytes.Contains(v, []byte("SHA-")) {
			continue
		}
		_, v, _ = bytes.Cut(v, []byte(`nonce="`))
		nonce, _, _ := bytes.Cut(v, []byte(`"`))
		return nonce
	}
}
