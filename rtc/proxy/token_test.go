package proxy

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestMark reads marks back: of their own call only, unforged, and not for ever.
func TestMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Proxy{key: []byte("a key of this server, not known ")}
		call := []byte("a84b4c76e66710@pc33.example.com")
		plain, full := p.appendMark(nil, call, grantPlain), p.appendMark(nil, call, grantFull)
		reads := func(what string, callID, mark []byte, want grant) {
			t.Helper()
			if got := p.readMark(callID, mark); got != want {
				t.Errorf("%s grants %d, want %d", what, got, want)
			}
		}
		both := func(when string, wantPlain, wantFull grant) {
			t.Helper()
			reads("a plain mark "+when, call, plain, wantPlain)
			reads("a full mark "+when, call, full, wantFull)
		}
		both("at once", grantPlain, grantFull)
		reads("a plain mark in another call", []byte("x"), plain, grantNone)
		reads("a full mark in another call", []byte("x"), full, grantNone)
		reads("a mark without its hour", call, full[:macLen], grantNone)
		reads("an hour that is none", call, slices.Concat(full[:macLen], []byte("?!?!")), grantNone)
		reads("no mark", call, nil, grantNone)
		time.Sleep(24 * time.Hour)
		both("of a day", grantPlain, grantFull)
		newer := p.appendMark(nil, call, grantFull)[macLen:]
		reads("a full mark with a later hour", call, slices.Concat(full[:macLen], newer), grantNone)
		time.Sleep(2 * time.Hour)
		both("of more than a day", grantPlain, grantPlain)
		time.Sleep(28 * 24 * time.Hour)
		both("of four weeks", grantPlain, grantPlain)
		time.Sleep(2 * 24 * time.Hour)
		both("of more than thirty days", grantNone, grantNone)
	})
}
