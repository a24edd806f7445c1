package exchange_test

import (
	"fmt"
	"net/netip"
	"strings"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// A phone offers; we take one of its codecs and its number for keys.
func ExampleAgent() {
	offer, err := sdp.Parse([]byte("v=0\no=phone 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\n" +
		"m=audio 5004 RTP/AVP 18 8 97\na=rtpmap:97 telephone-event/8000\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	here := netip.MustParseAddr("192.0.2.1")
	agent := exchange.NewAgent(here)
	if err := agent.TakeOffer(offer); err != nil {
		fmt.Println(err)
		return
	}
	answer, agreed, err := agent.Answer([]exchange.Line{{
		Kind: "audio", Addr: here, Port: 40000,
		Codecs: []sdp.Codec{{Name: "PCMA"}, {Name: "PCMU"}, {Name: "telephone-event"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, media, _ := strings.Cut(answer.String(), "t=0 0\r\n")
	fmt.Print(strings.ReplaceAll(media, "\r", ""))
	fmt.Println("send to", agreed[0].Remote)
	// Output:
	// m=audio 40000 RTP/AVP 8 97
	// a=rtpmap:8 PCMA/8000
	// a=rtpmap:97 telephone-event/8000
	// a=fmtp:97 0-15
	// send to 192.0.2.7:5004
}
