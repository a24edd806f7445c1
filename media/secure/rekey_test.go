package secure

import "testing"

// A new key for a source that goes on: some senders keep the roll-over counter, as
// RFC 3711 §3.3.1 says, some begin anew. Both are heard, from the first packet, and
// the replay window goes on.
func TestRekeyedSource(t *testing.T) {
	for _, profile := range Profiles {
		for _, c := range []struct {
			name   string
			begun  uint32 // counter that both had under the old key at first
			before int    // packets under it, from 65000 on
			lost   int    // between the keys
			roc    uint32 // the sender's counter under the new one
		}{
			{"counts on", 0, 2000, 0, 1},
			{"begins anew", 0, 2000, 0, 0},
			{"counts on after several", 3, 2000, 0, 4},
			{"no wrap so far", 0, 100, 0, 0},
			{"wraps between the keys", 0, 500, 100, 1},
			{"wraps again between the keys", 1, 500, 100, 2},
		} {
			out, in, _ := pair(t, profile)
			out.srtp.SetROC(7, c.begun)
			in.srtp.SetROC(7, c.begun)
			seq := uint16(65000)
			for range c.before {
				b, err := out.Protect(rtpPacket(seq, 7, 20))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := in.Unprotect(b); err != nil {
					t.Fatalf("%s, %s: %v", profile, c.name, err)
				}
				seq++
			}
			seq += uint16(c.lost)
			key, err := NewKey(profile)
			if err != nil {
				t.Fatal(err)
			}
			sender, next := opening(t, key), opening(t, key)
			sender.srtp.SetROC(7, c.roc)
			next.Inherit(in)
			forged := rtpPacket(seq, 7, 40)
			if _, err := next.Unprotect(forged[:len(forged):cap(forged)]); err == nil {
				t.Fatal("a packet under no key is taken")
			}
			for i := range 1000 {
				b, err := sender.Protect(rtpPacket(seq, 7, 20))
				if err != nil {
					t.Fatal(err)
				}
				twice := append(make([]byte, 0, 200), b...)
				if _, err := next.Unprotect(b); err != nil {
					t.Fatalf("%s, %s: packet %d under the new key: %v", profile, c.name, i, err)
				}
				if _, err := next.Unprotect(twice); err != ErrReplay {
					t.Fatalf("%s, %s: the same packet twice: %v", profile, c.name, err)
				}
				seq++
			}
			if len(next.inherited) > 0 {
				t.Errorf("%s, %s: something is still to be tried", profile, c.name)
			}
		}
	}
}

// Counters pass through keys under which nothing came.
func TestRekeyedTwice(t *testing.T) {
	out, in, _ := pair(t, Profiles[0])
	for i := range 2000 {
		b, err := out.Protect(rtpPacket(uint16(65000+i), 7, 20))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Unprotect(b); err != nil {
			t.Fatal(err)
		}
	}
	if !out.Wrapped() || in.Wrapped() {
		t.Error("who has wrapped is not known")
	}
	between, err := NewKey(Profiles[0])
	if err != nil {
		t.Fatal(err)
	}
	last, err := NewKey(Profiles[0])
	if err != nil {
		t.Fatal(err)
	}
	second, third, sender := opening(t, between), opening(t, last), opening(t, last)
	second.Inherit(in)
	third.Inherit(second)
	third.Inherit(third) // itself: nothing
	sender.srtp.SetROC(7, 1)
	b, err := sender.Protect(rtpPacket(2000, 7, 20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := third.Unprotect(b); err != nil {
		t.Error(err)
	}
}
