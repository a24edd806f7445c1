package media

import (
	"encoding/binary"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/route"
)

// An Opus phone that can take a packet from the one after it is told things twice
// once it reports that it misses some.
func TestReportsOfLossAreHeeded(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		said, _, _ := utterance(t, true, 6)
		a, b := newSpeaker(t, opus, route.None), newSpeaker(t, pcmu, route.None)
		b.prepare(said, fine, network{}, 1)
		session, err := server.Open(t.Name(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		offer, err := session.Offer(A, a.sdp("a=fmtp:111 useinbandfec=1"), Want{Codecs: []string{"PCMU"}})
		if err != nil {
			t.Fatal(err)
		}
		b.use(offer)
		answer, err := session.Answer(B, b.sdp(), Want{})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := a.use(answer).Codecs[0].Parameter("useinbandfec"); got != "1" {
			t.Errorf("the phone is asked for %q", a.use(answer).Codecs[0].Fmtp)
		}
		spoken := make(chan struct{})
		go func() {
			b.speak(time.Now())
			close(spoken)
		}()
		d, err := a.format.NewDecoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		twice := func(p []byte) bool { return d.(codec.Recoverer).Recovers(p[12:]) > 0 }
		heard := make([]byte, 2048)
		packets, reported, since, again := 0, 0, 0, 0
		for again < 10 {
			_ = a.rtp.SetReadDeadline(time.Now().Add(3 * time.Second))
			n, _, err := a.rtp.ReadFromUDPAddrPort(heard)
			if err != nil {
				t.Fatalf("of %d packets, %d of them since the report, %d said things twice: %v", packets, since, again, err)
			}
			if n < 13 || heard[1] != 111 && heard[1] != 111|0x80 {
				continue
			}
			packets++
			switch p := heard[:n]; {
			case reported == 0 && twice(p):
				t.Fatal("things are said twice to a phone that told of no loss")
			case packets == 50:
				reported = packets
				rr := make([]byte, 32) // RFC 3550 §6.4.2
				rr[0], rr[1], rr[3] = 0x81, 201, 7
				binary.BigEndian.PutUint32(rr[4:], 4711)
				copy(rr[8:12], p[8:12])
				rr[12] = 64 // a quarter is missed
				a.send(rr)
			case reported > 0:
				since++
				if twice(p) {
					again++
				}
			}
		}
		<-spoken
	})
}
