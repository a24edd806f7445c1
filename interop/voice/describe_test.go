package voice

import "testing"

func TestMedia(t *testing.T) {
	for body, want := range map[string]string{
		"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18 8 0\r\nc=IN IP4 192.0.2.2\r\n":             "192.0.2.2:4000",
		"c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 192.0.2.9\r\n": "192.0.2.1:4000",
		"c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n":                                                  "",
		"c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n":                                              "",
	} {
		far, codec, err := media([]byte(body))
		if want == "" != (err != nil) || err == nil && (far.String() != want || codec < 0) {
			t.Errorf("%q: %v %d %v", body, far, codec, err)
		}
	}
	if _, codec, _ := media([]byte("c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18 8 0\r\n")); codec != 8 {
		t.Errorf("codec %d", codec)
	}
}

func TestFaxDescription(t *testing.T) {
	for body, want := range map[string]string{
		"c=IN IP4 192.0.2.1\r\nm=image 4000 udptl t38\r\n":                                              "192.0.2.1:4000",
		"c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\nm=image 4002 udptl t38\r\nc=IN IP4 192.0.2.2\r\n": "192.0.2.2:4002",
		"c=IN IP4 192.0.2.1\r\nm=image 0 udptl t38\r\n":                                                 "",
		"c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n":                                              "",
	} {
		if far, err := udptl([]byte(body)); want == "" != (err != nil) || err == nil && far.String() != want {
			t.Errorf("%q: %v, %v", body, far, err)
		}
	}
}
