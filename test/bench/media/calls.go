package media

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"tandem/media/ng"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// kind is what the two ends of a call speak.
type kind struct {
	name string
	// What the first end offers and the second answers, as m-line profile,
	// rtpmap without number, and payload number.
	profile [2]string
	codec   [2]string
	number  [2]uint8
	// What the relay is asked to make of the offer and the answer.
	offer, answer ng.Dict
}

const suite = "AES_CM_128_HMAC_SHA1_80"

var (
	plain = kind{name: "G.711 relayed", profile: [2]string{"RTP/AVP", "RTP/AVP"}, codec: [2]string{"PCMU/8000", "PCMU/8000"}}
	// protected has the first end speak SRTP with keys from SDP.
	protected = kind{
		name: "SRTP (SDES) to RTP", profile: [2]string{"RTP/SAVP", "RTP/AVP"}, codec: [2]string{"PCMU/8000", "PCMU/8000"},
		offer: ng.Dict{"transport-protocol": "RTP/AVP"}, answer: ng.Dict{"transport-protocol": "RTP/SAVP"},
	}
	// transcoded has the first end speak PCMU and the second Opus.
	transcoded = kind{
		name: "PCMU to Opus", profile: [2]string{"RTP/AVP", "RTP/AVP"}, codec: [2]string{"PCMU/8000", "opus/48000/2"}, number: [2]uint8{0, 96},
		offer: ng.Dict{"codec": ng.Dict{"mask": []string{"all"}, "transcode": []string{"opus"}}},
	}
)

// leg is one end of a call: it sends from a socket to a port of the relay, and
// hears from that port.
type leg struct {
	socket *socket
	port   int
	number uint8 // payload
	keys   *secure.Context
	narrow bool // the relay asks for no more than telephone bandwidth
}

// describe is the SDP of an end at a port.
func (k kind) describe(end int, port int, number uint8, key *secure.Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d %s %d\r\na=rtpmap:%d %s\r\n",
		port, k.profile[end], number, number, k.codec[end])
	if key != nil {
		fmt.Fprintf(&b, "a=crypto:1 %s %s\r\n", suite, key.Inline())
	}
	b.WriteString("a=sendrecv\r\na=ptime:20\r\n")
	return b.String()
}

// open makes one call through a relay, between two sockets.
func (k kind) open(ctx context.Context, r *relay, id string, a, b *socket) (legs [2]leg, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	legs = [2]leg{{socket: a, number: k.number[0]}, {socket: b, number: k.number[1]}}
	var key *secure.Key
	if strings.Contains(k.profile[0], "SAVP") {
		made, err := secure.NewKey(suite)
		if err != nil {
			return legs, err
		}
		if legs[0].keys, err = secure.NewContext(made); err != nil {
			return legs, err
		}
		key = &made
	}
	request := ng.Dict{"command": "offer", "call-id": id, "from-tag": "a", "ICE": "remove", "sdp": k.describe(0, a.port, k.number[0], key)}
	maps.Copy(request, k.offer)
	if err := legs[1].take(r.ng.Do(ctx, request)); err != nil {
		return legs, fmt.Errorf("offer to %s: %w", r.name, err)
	}
	request = ng.Dict{"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "ICE": "remove", "sdp": k.describe(1, b.port, legs[1].number, nil)}
	maps.Copy(request, k.answer)
	if err := legs[0].take(r.ng.Do(ctx, request)); err != nil {
		return legs, fmt.Errorf("answer to %s: %w", r.name, err)
	}
	return legs, nil
}

// take reads where a leg sends to, and with which payload number.
func (l *leg) take(reply ng.Dict, err error) error {
	if err != nil {
		return err
	}
	d, err := sdp.Parse([]byte(reply.String("sdp")))
	if err != nil {
		return err
	}
	if len(d.Media) == 0 || d.Media[0].Port == 0 || len(d.Media[0].Codecs) == 0 {
		return fmt.Errorf("no audio in %q", reply.String("sdp"))
	}
	l.port = d.Media[0].Port
	l.number = d.Media[0].Codecs[0].PayloadType
	most, _ := d.Media[0].Codecs[0].Parameter("maxplaybackrate")
	l.narrow = most == "8000"
	if protected := l.keys != nil; protected != strings.Contains(d.Media[0].Proto, "SAVP") {
		return fmt.Errorf("%s is not what was asked for", d.Media[0].Proto)
	}
	return nil
}

func freePort() string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "2223"
	}
	defer c.Close()
	return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
}
