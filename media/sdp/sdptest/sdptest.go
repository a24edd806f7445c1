// Package sdptest makes, for tests of other packages, what descriptions come to of a
// few words.
package sdptest

import (
	"strings"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// Codecs reads "PCMU/0 opus/111 telephone-event48/110" into codecs: a name and a payload
// number, at 8000 Hz; opus, and what has 48 behind its name, at 48000.
func Codecs(text string) (list []sdp.Codec) {
	for _, w := range strings.Fields(text) {
		name, number, _ := strings.Cut(w, "/")
		c := sdp.Codec{Name: name, ClockRate: 8000, Channels: 1}
		for _, d := range number {
			c.PayloadType = c.PayloadType*10 + uint8(d-'0')
		}
		if name == "opus" {
			c.ClockRate, c.Channels = 48000, 2
		}
		if rest, ok := strings.CutSuffix(name, "48"); ok {
			c.Name, c.ClockRate = rest, 48000
		}
		list = append(list, c)
	}
	return list
}

// Agreed is audio in codecs as Codecs reads them, under the same numbers both ways.
func Agreed(text string) *exchange.Agreed {
	a := &exchange.Agreed{Kind: "audio", Enabled: true, CanSend: true, CanReceive: true, Ptime: 20}
	for _, c := range Codecs(text) {
		a.Codecs = append(a.Codecs, exchange.AgreedCodec{Codec: c, Send: c.PayloadType, Receive: c.PayloadType})
	}
	return a
}
