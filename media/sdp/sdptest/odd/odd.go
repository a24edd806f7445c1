// Package odd makes descriptions at random, often odd ones, for tests, and says what
// must be true of each.
package odd

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem/media/sdp"
)

// Maker makes descriptions; the same numbers make the same ones.
type Maker struct{ R *rand.Rand }

// One is one of a list.
func (g Maker) One(list ...string) string { return list[g.R.IntN(len(list))] }

// Chance is true once in n times.
func (g Maker) Chance(n int) bool { return g.R.IntN(n) == 0 }

// Codecs are formats of audio as a=rtpmap has them.
var Codecs = []string{"PCMU/8000", "PCMA/8000", "opus/48000/2", "opus/48000", "telephone-event/8000", "telephone-event/48000",
	"CN/8000", "G729/8000", "G.729/8000", "G722/8000", "speex/16000", "PCMU/16000", "vnd.nuera.ecelp7470/8000", "AMR/8000"}

// Videos are formats of video as a=rtpmap has them.
var Videos = []string{"VP8/90000", "H264/90000", "rtx/90000", "red/90000"}

func (g Maker) media() []string {
	kind := g.One("audio", "audio", "audio", "video", "image")
	if kind == "image" {
		return []string{"m=image " + g.One("0", "4000") + " udptl t38", "a=T38FaxVersion:0"}
	}
	names := Codecs
	if kind == "video" {
		names = Videos
	}
	proto := g.One("RTP/AVP", "RTP/AVP", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/AVPF")
	var formats, lines []string
	for range g.R.IntN(6) {
		n := g.One("0", "8", "9", "18", "13", "96", "97", "98", "101", "111", "35")
		formats = append(formats, n)
		if g.Chance(5) {
			continue
		}
		lines = append(lines, "a=rtpmap:"+n+" "+names[g.R.IntN(len(names))])
		if g.Chance(2) {
			lines = append(lines, "a=fmtp:"+n+" "+g.One("0-15", "0-16", "annexb=no", "apt=96", "96/96", "octet-align=1", "packetization-mode=1"))
		}
	}
	for range g.R.IntN(4) {
		lines = append(lines, g.One("a=sendonly", "a=inactive", "a=recvonly", "a=sendrecv", "c=IN IP4 0.0.0.0", "c=IN IP6 2001:db8::5",
			"a=ptime:30", "a=rtcp-mux", "a=rtcp:4005", "a=mid:0", "a=mid:1", "a=bundle-only", "a=setup:actpass", "a=setup:active",
			"a=fingerprint:sha-256 AA:BB", "a=ice-ufrag:u", "a=ice-pwd:p", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcdefgh", "a=x-odd:1 2"))
	}
	head := "m=" + kind + " " + g.One("4000", "4000", "4002", "9", "0") + " " + proto
	for _, f := range formats {
		head += " " + f
	}
	return append([]string{head}, lines...)
}

// Description makes a description of none to three m-lines.
func (g Maker) Description() string {
	lines := []string{"v=0", "o=" + g.One("a", "a", "a", "a", "b") + " 1 " + strconv.Itoa(g.R.IntN(9)) + " IN IP4 10.0.0.9", "s=-",
		"c=IN IP4 " + g.One("10.0.0.9", "10.0.0.9", "0.0.0.0"), "t=0 0"}
	if g.Chance(4) {
		lines = append(lines, g.One("a=group:BUNDLE 0 1", "a=sendonly", "a=inactive", "a=fingerprint:sha-256 CC:DD", "a=ice-ufrag:s"))
	}
	for range g.R.IntN(4) {
		lines = append(lines, g.media()...)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// RoundTrip checks that what is written reads the same and writes the same.
func RoundTrip(t testing.TB, d *sdp.Description) {
	t.Helper()
	first := d.Append(nil)
	again, err := sdp.Parse(first)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%q", err, first)
	}
	if second := again.Append(nil); !bytes.Equal(first, second) {
		t.Fatalf("written twice:\n%q\n%q", first, second)
	}
	x, y := slices.Clone(d.Media), again.Media
	for i := range x {
		x[i].Line, y[i].Line = 0, 0
	}
	if len(x) != len(y) || len(x) > 0 && !reflect.DeepEqual(x, y) || !reflect.DeepEqual(d.Attributes, again.Attributes) ||
		d.Origin != again.Origin || d.Connection != again.Connection || d.Direction != again.Direction {
		t.Fatalf("read\n%+v\nagain\n%+v", d, again)
	}
}
