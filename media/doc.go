// Package media carries the sound of calls. A Session joins two Sides; each
// side has an SDP view (package sdp), ports (relay), security (secure, ice),
// codecs (codec, transcode) and figures (quality) of its own. The session
// chooses by itself between passing packets on and converting them, and may
// change its mind in mid-call. It knows nothing of SIP dialogs: whoever runs
// the call gives it the descriptions and sends out those it writes.
//
// Two locks a session, always in this order: Session.ctl serialises what the
// call layer asks for; Session.mu guards what packets touch and is never held
// while waiting for anything. Sockets and conversion paths are closed outside
// Session.mu, because closing waits for the packet in hand.
package media
