package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/pion/srtp/v3"
)

// The keys of RFC 3711 appendix B.3, and packets of another implementation both ways,
// past the place where the sequence number begins anew.
func TestSRTP(t *testing.T) {
	master, _ := hex.DecodeString("E1F97A0D3E018BE0D64FA32C06DE4139")
	salt, _ := hex.DecodeString("0EC675AD498AFEEBB6960B3AABE6")
	key := base64.StdEncoding.EncodeToString(append(append([]byte(nil), master...), salt...))
	ours, err := NewSRTP(key)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{hex.EncodeToString(ours.salt[:]): "30cbbc08863d8c85d49db34a9ae1", hex.EncodeToString(ours.mac): "cebe321f6ff7716b6fd4ab49af256a156d38baa4"} {
		if got != want {
			t.Errorf("derived %s, want %s", got, want)
		}
	}
	theirs, err := srtp.CreateContext(master, salt, srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		t.Fatal(err)
	}
	reader, _ := NewSRTP(key)
	for i := range 6 {
		packet := []byte{0x80, 0, 0xff, byte(0xfd + i), 0, 0, 0, byte(i), 0x5e, 0xed, 0, 1, 'h', 'e', 'l', 'l', 'o'}
		if i > 2 {
			packet[2], packet[3] = 0, byte(i-3)
		}
		want, err := theirs.EncryptRTP(nil, packet, nil)
		if err != nil {
			t.Fatal(err)
		}
		sealed := ours.Seal(packet)
		if !bytes.Equal(sealed, want) {
			t.Errorf("packet %d is %x, want %x", i, sealed, want)
		}
		if got, err := reader.Open(sealed); err != nil || !bytes.Equal(got, packet) {
			t.Errorf("packet %d opened is %x, %v", i, got, err)
		}
		sealed[13] ^= 1
		if _, err := reader.Open(sealed); err == nil {
			t.Errorf("packet %d was changed and taken", i)
		}
	}
	if KeyOf([]byte("m=audio 1 RTP/SAVP 0\r\n"+Crypto(key)+"|2^31\r\n")) != key || KeyOf([]byte("m=audio 1 RTP/AVP 0\r\n")) != "" {
		t.Error("the key in a description is not found")
	}
}
