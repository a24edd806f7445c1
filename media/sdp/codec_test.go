package sdp

import "testing"

func TestSameFormat(t *testing.T) {
	for _, c := range []struct {
		a, b Codec
		want bool
	}{
		{Codec{Name: "pcmu", ClockRate: 8000}, Codec{Name: "PCMU", ClockRate: 8000, Channels: 1}, true},
		{Codec{Name: "PCMU", ClockRate: 16000}, Codec{Name: "PCMU", ClockRate: 8000}, false},
		{Codec{Name: "G729A", ClockRate: 8000}, Codec{Name: "G729", ClockRate: 8000, Fmtp: "annexb=no"}, true},
		{Codec{Name: "G722", ClockRate: 16000}, Codec{Name: "G722", ClockRate: 8000}, true},
		{Codec{Name: "opus", ClockRate: 48000}, Codec{Name: "OPUS", ClockRate: 48000, Channels: 2, Fmtp: "stereo=1"}, true},
		{Codec{Name: "L16", ClockRate: 44100}, Codec{Name: "L16", ClockRate: 44100, Channels: 2}, false},
		{Codec{Name: "telephone-event", ClockRate: 8000}, Codec{Name: "telephone-event", ClockRate: 48000}, false},
		{Codec{Name: "AMR", ClockRate: 8000}, Codec{Name: "AMR", ClockRate: 8000, Fmtp: "octet-align=1"}, false},
		{Codec{Name: "AMR", ClockRate: 8000, Fmtp: "mode-set=0,1; octet-align=0"}, Codec{Name: "AMR", ClockRate: 8000}, true},
		{Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=42e01f;packetization-mode=1"}, Codec{Name: "H264", ClockRate: 90000, Fmtp: "packetization-mode=1; profile-level-id=42C01F"}, true},
		{Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=42e01f"}, Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=42e01f;packetization-mode=1"}, false},
		{Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=640c1f"}, Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=42e01f"}, false},
		{Codec{Name: "H264", ClockRate: 90000}, Codec{Name: "H264", ClockRate: 90000, Fmtp: "profile-level-id=42001e"}, true},
		{Codec{Name: "VP9", ClockRate: 90000}, Codec{Name: "VP9", ClockRate: 90000, Fmtp: "profile-id=2"}, false},
		{Codec{Name: "x", ClockRate: 8000}, Codec{Name: "y", ClockRate: 8000}, false},
		{Codec{PayloadType: 77}, Codec{PayloadType: 77}, true},
		{Codec{PayloadType: 77}, Codec{PayloadType: 78}, false},
	} {
		if got := c.a.Same(c.b); got != c.want || c.b.Same(c.a) != got {
			t.Errorf("%+v and %+v: %v", c.a, c.b, got)
		}
	}
}
