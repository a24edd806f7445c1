package routing

import (
	"tandem/media"
	"tandem/rtc/dialog"
	"tandem/rtc/peers"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// MaxDevices is how many ways of a user are tried.
const MaxDevices = 32

// wayTo is a way as the INVITE takes it. A device that registered from the very
// host of a gateway is reached there by its flow.
func (p *Plan) wayTo(w reach.Way) dialog.Way {
	way := dialog.Way{URI: w.URI, Flow: w.Flow, By: w.From}
	if !way.By.IsValid() {
		way.By = peers.Unknown
	}
	if !w.Flow.IsZero() && p.PeerAt != nil {
		way.Peer = p.PeerAt(w.From)
	}
	for r := range sip.Elements([]byte(w.Path)) {
		way.Route = append(way.Route, string(r))
	}
	return way
}

// deviceWant is how the offer to a device is written: a browser takes nothing
// but DTLS and ICE; a phone on TLS may have its keys in SDP; others get no keys,
// which would be readable on the way.
func deviceWant(f transport.Flow) media.Want {
	if f.IsZero() {
		return media.Want{Security: media.SecurityNone, ICE: media.No}
	}
	switch proto := f.Proto(); {
	case proto == transport.WS || proto == transport.WSS:
		return media.Want{Security: media.SecurityDTLS, ICE: media.Yes}
	case proto.Secure():
		return media.Want{Security: media.SecurityOptional, ICE: media.No}
	}
	return media.Want{Security: media.SecurityNone, ICE: media.No}
}
