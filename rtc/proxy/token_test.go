package proxy

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestMark reads marks back: only those of their own call, not forged ones, and only
// for a time.
func TestMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Proxy{key: []byte("a key of this server, not known ")}
		call := []byte("a84b4c76e66710@pc33.example.com")
		plain, full := p.appendMark(nil, call, inDialog), p.appendMark(nil, call, withPeer)
		reads := func(what string, callID, mark []byte, want standing) {
			t.Helper()
			if got := p.readMark(callID, mark); got != want {
				t.Errorf("%s grants %d, want %d", what, got, want)
			}
		}
		both := func(when string, wantPlain, wantFull standing) {
			t.Helper()
			reads("a plain mark "+when, call, plain, wantPlain)
			reads("a full mark "+when, call, full, wantFull)
		}
		both("at once", inDialog, withPeer)
		reads("a plain mark in another call", []byte("x"), plain, stranger)
		reads("a full mark in another call", []byte("x"), full, stranger)
		reads("a mark without its hour", call, full[:macLen], stranger)
		reads("an hour that is none", call, slices.Concat(full[:macLen], []byte("?!?!")), stranger)
		reads("no mark", call, nil, stranger)
		time.Sleep(24 * time.Hour)
		both("of a day", inDialog, withPeer)
		newer := p.appendMark(nil, call, withPeer)[macLen:]
		reads("a full mark with a later hour", call, slices.Concat(full[:macLen], newer), stranger)
		time.Sleep(2 * time.Hour)
		both("of more than a day", inDialog, inDialog)
		time.Sleep(28 * 24 * time.Hour)
		both("of four weeks", inDialog, inDialog)
		time.Sleep(2 * 24 * time.Hour)
		both("of more than thirty days", stranger, stranger)
	})
}
