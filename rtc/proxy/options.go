package proxy

import (
	"tandem/rtc"
)

// abilities are header lines of the response to an OPTIONS for the proxy itself (RFC
// 3261 §11.2).
var abilities = []byte("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, REFER, INFO, UPDATE, PRACK, PUBLISH\r\n" +
	"Accept: application/sdp\r\nAccept-Language: en\r\nSupported: path, outbound, gruu\r\n")

func (p *Proxy) options(r *rtc.Request) {
	if p.cfg.Events == nil {
		r.Respond(200, "", abilities)
		return
	}
	header := append(make([]byte, 0, 512), abilities...)
	header = append(append(header, "Allow-Events: "...), p.cfg.Events()...) // RFC 6665 §4.4.4
	r.Respond(200, "", append(header, "\r\n"...))
}
