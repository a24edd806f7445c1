package proxy

import (
	"tandem/rtc"
)

// abilities are what an OPTIONS to the proxy itself learns (RFC 3261 §11.2).
var abilities = []byte("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, REFER, INFO, UPDATE, PRACK, PUBLISH\r\n" +
	"Accept: application/sdp\r\nAccept-Language: en\r\nSupported: path, outbound, gruu\r\n")

func (p *Proxy) options(r *rtc.Request) { r.Respond(200, "", abilities) }
