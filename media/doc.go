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
// What the call layer asks for is a session's matter: sides, branches, listeners, the
// recorder, guarded by one lock, ctl. What packets touch is its bridge's (package
// bridge), which has a lock of its own and is called with ctl held. Branches wait in
// sessions of their own, which share the ctl of the one they ring for.
package media
