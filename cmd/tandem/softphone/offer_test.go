package softphone

import (
	"strings"
	"testing"
)

const session = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"

func TestOffersWithSeveralMediaLines(t *testing.T) {
	const audio = "m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
	const video = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	for _, c := range []struct {
		name, body, offer, answer string
		ok                        bool
	}{
		{"audio alone", session + audio, "", "", false},
		{"no audio", session + video + video, "", "", false},
		{"nothing", "", "", "", false},
		{"audio, video", session + audio + video, session + audio, session + audio + "m=video 0 RTP/AVP 96\r\n", true},
		{"video, audio", session + video + audio, session + audio, session + "m=video 0 RTP/AVP 96\r\n" + audio, true},
		{"two audios", session + audio + audio, session + audio, session + audio + "m=audio 0 RTP/AVP 0\r\n", true},
	} {
		offer, refused, ok := splitOffer([]byte(c.body))
		if ok != c.ok || string(offer) != c.offer {
			t.Errorf("%s: %v, %q", c.name, ok, offer)
			continue
		}
		if !ok {
			continue
		}
		answer := string(refused.add([]byte(session + audio)))
		if answer != c.answer {
			t.Errorf("%s: answered %q, want %q", c.name, answer, c.answer)
		}
		if strings.Count(answer, "m=") != strings.Count(c.body, "m=") {
			t.Errorf("%s: answer has other number of lines: %q", c.name, answer)
		}
	}
}

func FuzzSplitOffer(f *testing.F) {
	f.Add([]byte(session + "m=audio 1 RTP/AVP 0\r\nm=video 2 RTP/AVP 96\r\n"))
	f.Add([]byte("m=\nm=audio \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if offer, refused, ok := splitOffer(b); ok {
			refused.add(offer)
		}
	})
}
