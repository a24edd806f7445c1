package dtmf

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

func TestBodies(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		digit      byte // 0: refused
		ms         int
	}{
		{typeRelay, "Signal=5\r\nDuration=160\r\n", '5', 160},   // gw-cisco-dtmf-info, ph-3com-info-dtmf
		{typeRelay, "Signal= 5\r\nDuration= 160\r\n", '5', 160}, // gw-vega-info-space
		{typeRelay, "Signal = *\nDuration = 80", '*', 80},
		{typeRelay, "Duration=250\rSignal=#\r", '#', 250},
		{typeRelay, "signal=10\r\nduration=100\r\n", '*', 100},
		{typeRelay, "Signal=11\r\n", '#', 100},
		{typeRelay, "Signal=16\r\nDuration=0", '!', 100},
		{typeRelay, "Signal=hf\r\n", '!', 100},
		{typeRelay, "Signal=d\r\n", 'D', 100},
		{typeRelay, "Signal=9\r\nDuration=many\r\n", '9', 100},
		{typeRelay, "Signal=9\r\nDuration=99999999\r\n", '9', 100},
		{typeRelay, "Signal=1\r\nX-Other=7\r\n\r\n", '1', 100},
		{"Application/DTMF-Relay; charset=utf-8", "Signal=1", '1', 100},
		{typeRelay, "Signal=17", 0, 0},
		{typeRelay, "Signal=", 0, 0},
		{typeRelay, "Duration=160", 0, 0},
		{typeRelay, "", 0, 0},
		{typeDTMF, "5", '5', 100},
		{typeDTMF, " 5 \r\n", '5', 100},
		{typeDTMF, "10", '*', 100},
		{typeDTMF, "Signal=5\r\nDuration=90", '5', 90},
		{typeDTMF, "x", 0, 0},
		{typeNotify, "\x07\x00\x07\xD0", '7', 2000}, // gw-cisco-dtmf-notify
		{typeNotify, "\x0b\x8a\x00\x64", '#', 100},
		{typeNotify, "\x07\x00\x07", 0, 0},
		{typeNotify, "\x40\x00\x07\xD0", 0, 0},
		{"text/plain", "5", 0, 0},
	} {
		e, err := ReadBody(tt.kind, []byte(tt.body))
		if (err == nil) != (tt.digit != 0) || err == nil && (e.Digit() != tt.digit || e.Duration != time.Duration(tt.ms)*time.Millisecond) {
			t.Errorf("%s %q: %c %v, %v", tt.kind, tt.body, e.Digit(), e.Duration, err)
		}
	}
	if _, err := ReadBody(typeDTMF, bytes.Repeat([]byte("1"), maxBody+1)); err == nil {
		t.Error("a body without end was read")
	}
}

func TestTenThousandDigitsInBodies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, kind := range []string{typeRelay, typeDTMF, typeNotify} {
		for range 10000 {
			e := Event{Code: uint8(rnd.IntN(17)), Duration: time.Duration(40+rnd.IntN(5000)) * time.Millisecond}
			b, err := WriteBody(kind, e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadBody(kind, b)
			if kind == typeDTMF {
				e.Duration = DefaultDuration
			}
			if err != nil || got != e {
				t.Fatalf("%s: %v became %q and %v, %v", kind, e, b, got, err)
			}
		}
	}
	if _, err := WriteBody(typeRelay, Event{Code: 40}); err == nil {
		t.Error("wrote what is not a key")
	}
}

func FuzzReadBody(f *testing.F) {
	f.Add(typeRelay, []byte("Signal= 5\r\nDuration= 160\r\n"))
	f.Add(typeDTMF, []byte("11"))
	f.Add(typeNotify, []byte("\x07\x00\x07\xD0"))
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		e, err := ReadBody(kind, b)
		if err == nil && (e.Digit() == 0 || e.Duration <= 0 || e.Duration > 66*time.Second) {
			t.Fatalf("%+v", e)
		}
	})
}
