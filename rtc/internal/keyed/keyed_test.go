package keyed

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

func TestSum(t *testing.T) {
	key := []byte("a key")
	s := New(key, "tag")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("tag\x00a\x00b"))
	for range 2 { // the second time with what the first one left
		if sum := s.Sum([]byte("a"), []byte("b")); !hmac.Equal(sum[:], mac.Sum(nil)) {
			t.Errorf("%x, want %x", sum, mac.Sum(nil))
		}
	}
	if s.Uint64([]byte("a"), []byte("b")) == s.Uint64([]byte("ab")) {
		t.Error("the parts are not told apart")
	}
	if s.Uint64([]byte("a")) == New(key, "mark").Uint64([]byte("a")) {
		t.Error("the purposes are not told apart")
	}
	if s.Uint64([]byte("a")) == New([]byte("another"), "tag").Uint64([]byte("a")) {
		t.Error("the keys are not told apart")
	}
}

func BenchmarkUint64(b *testing.B) {
	s, id := New(make([]byte, 32), "tag"), []byte("0123456789@192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		s.Uint64(id, id)
	}
}
