// Package media carries the sound of calls. A Session joins two sides, A
// and B; each has offers and answers (negotiation, sdp), ports (relay), security
// (secure, ice), codecs (codec, transcode) and figures (quality) of its own. The session
// chooses by itself between passing packets on and converting them, and may
// change its mind in mid-call. It knows nothing of SIP dialogs: whoever runs
// the call gives it the descriptions and sends out those it writes.
//
// Side B may be forked: each device that rings is a Branch with an offer, ports
// and keys of its own, one at a time is heard, and one is chosen. A side may move
// to another session as it is, in its dialog, with its ports and keys (Adopt).
//
// A side can be listened to as PCM (Listen), played to (Play, Announce, Tone) and
// seated in a conference (Confer, package mix).
//
// A session has two halves, and a lock for each, always taken in this order.
// signalling is what the call layer asks for, serialised by ctl: sides, branches,
// listeners, the recorder. bridge is the packet path: streams, legs and what converts
// between them; mu guards what packets touch and is never held while waiting for
// anything. The packet path knows nothing of signalling; what it must know it asks
// for (demand). Sockets and conversion paths are closed outside mu, because closing
// waits for the packet in hand. Branches wait in sessions of their own, which share
// the ctl of the one they ring for. A transport that moves belongs to one bridge at
// any moment: way.lock finds it.
package media
