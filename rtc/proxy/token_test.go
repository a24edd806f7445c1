package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestMark reads marks back: of their own call only, unforged, and for a day
// with all they grant.
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
		reads("a plain mark", call, plain, grantPlain)
		reads("a full mark", call, full, grantFull)
		reads("a plain mark in another call", []byte("x"), plain, grantNone)
		reads("a full mark in another call", []byte("x"), full, grantNone)
		reads("a full mark without its hour", call, full[:markLen], grantNone)
		reads("a plain mark with an hour", call, append(plain[:markLen:markLen], full[markLen:]...), grantNone)
		reads("an hour that is none", call, append(full[:markLen:markLen], "?!?!"...), grantNone)
		reads("half a mark", call, plain[:4], grantNone)
		reads("no mark", call, nil, grantNone)
		time.Sleep(24 * time.Hour)
		reads("a full mark of a day", call, full, grantFull)
		later := append(full[:markLen:markLen], p.appendMark(nil, call, grantFull)[markLen:]...)
		reads("a full mark with a later hour", call, later, grantNone)
		time.Sleep(2 * time.Hour)
		reads("a full mark of more than a day", call, full, grantPlain)
		reads("a plain mark of more than a day", call, plain, grantPlain)
	})
}
