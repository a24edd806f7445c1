package secure

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// reference is SRTP once more, written from the RFCs for this test alone. The
// published vectors check it, and it checks the contexts: the vectors begin at
// session keys, which no context takes.

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// derive is RFC 3711 §4.3.1 with a derivation rate of 0.
func derive(t testing.TB, master, salt []byte, label byte, n int) []byte {
	t.Helper()
	block, err := aes.NewCipher(master)
	if err != nil {
		t.Fatal(err)
	}
	var iv [16]byte
	copy(iv[:14], salt)
	iv[7] ^= label
	out := make([]byte, n)
	cipher.NewCTR(block, iv[:]).XORKeyStream(out, out)
	return out
}

// sealGCM is RFC 7714 §8 for SRTP.
func sealGCM(t testing.TB, key, salt, header, payload []byte, roc uint32) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	copy(iv[2:6], header[8:12])
	binary.BigEndian.PutUint32(iv[6:], roc)
	copy(iv[10:], header[2:4])
	for i := range iv {
		iv[i] ^= salt[i]
	}
	return gcm.Seal(bytes.Clone(header), iv, payload, header)
}

// sealCM is RFC 3711 §4.1.1 and §4.2.1 for SRTP.
func sealCM(t testing.TB, key, salt, auth, header, payload []byte, roc uint32, tag int) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var iv [16]byte
	copy(iv[:14], salt)
	for i, octet := range header[8:12] {
		iv[4+i] ^= octet
	}
	for i, octet := range binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(nil, roc), binary.BigEndian.Uint16(header[2:])) {
		iv[8+i] ^= octet
	}
	out := append(bytes.Clone(header), payload...)
	cipher.NewCTR(block, iv[:]).XORKeyStream(out[len(header):], payload)
	mac := hmac.New(sha1.New, auth)
	mac.Write(out)
	mac.Write(binary.BigEndian.AppendUint32(nil, roc))
	return append(out, mac.Sum(nil)[:tag]...)
}

// RFC 3711 appendix B.3 and RFC 6188 §7.4.
func TestKeyDerivationVectors(t *testing.T) {
	for _, v := range []struct{ master, salt, key, sessionSalt, auth string }{
		{"E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
			"C61E7A93744F39EE10734AFE3FF7A087", "30CBBC08863D8C85D49DB34A9AE1", "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
		{"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2",
			"5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4", "fa31791685ca444a9e07c6c64e93", "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"},
	} {
		master, salt := unhex(t, v.master), unhex(t, v.salt)
		for label, want := range map[byte]string{0: v.key, 1: v.auth, 2: v.sessionSalt} {
			if got := derive(t, master, salt, label, len(want)/2); !bytes.Equal(got, unhex(t, want)) {
				t.Errorf("%d octets, label %d: %x", len(master), label, got)
			}
		}
	}
}

// RFC 7714 §16.1 and §16.2.
func TestGCMVectors(t *testing.T) {
	header, payload := unhex(t, "8040f17b8041f8d35501a0b2"), []byte("Gallia est omnis divisa in partes tres")
	key := unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	salt := unhex(t, "517569642070726f2071756f")
	for n, want := range map[int]string{
		16: "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
		32: "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
	} {
		if got := sealGCM(t, key[:n], salt, header, payload, 0); !bytes.Equal(got[12:], unhex(t, want)) {
			t.Errorf("%d octets: %x", n, got)
		}
	}
}

func TestContextAgainstTheReference(t *testing.T) {
	for _, p := range allProfiles {
		out, in, k := pair(t, p)
		s, _ := p.shape()
		master, salt := k.Master[:s.key], k.Master[s.key:]
		key, sessionSalt, auth := derive(t, master, salt, 0, s.key), derive(t, master, salt, 2, s.salt), derive(t, master, salt, 1, 20)
		for i := range 70000 { // past a wrap
			if i > 3 && i < 65530 && i%9000 != 0 {
				continue
			}
			plain := rtpPacket(uint16(i), 0x1234, 33)
			header, payload := plain[:12], bytes.Clone(plain[12:])
			var want []byte
			switch {
			case s.salt == 12:
				want = sealGCM(t, key, sessionSalt, header, payload, uint32(i>>16))
			case strings.HasSuffix(string(p), "_32"):
				want = sealCM(t, key, sessionSalt, auth, header, payload, uint32(i>>16), 4)
			default:
				want = sealCM(t, key, sessionSalt, auth, header, payload, uint32(i>>16), 10)
			}
			got, err := out.Protect(room(plain))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s packet %d: %x, %v; want %x", p, i, got, err, want)
			}
			if opened, err := in.Unprotect(want); err != nil || !bytes.Equal(opened, plain) {
				t.Fatalf("%s packet %d: %v", p, i, err)
			}
		}
	}
}
