// Package media carries the audio and video of calls. A Session joins two sides, A and
// B. Each side has its own offers and answers (negotiation, sdp), ports (relay),
// security (secure, ice), codecs (codec, transcode) and figures (quality). The session
// itself chooses between passing packets on and converting them, and may change that
// during a call. It knows nothing of SIP dialogs: the call layer gives it the
// descriptions and sends those it writes.
//
// Side B may be forked: each device that rings is a Branch with its own offer, ports
// and keys; one is heard at a time, and one is chosen. A side may move to another
// session together with its dialog, ports and keys (Adopt).
//
// A side can be decoded to PCM (Listen), played to (Play, Announce, Tone) and seated in
// a conference (Confer, package mix).
//
// A session holds what the call layer deals with: sides, branches, listeners and the
// recorder, guarded by one lock, ctl. Its bridge (package bridge) holds what packets
// touch; it has a lock of its own and is called with ctl held. Branches wait in
// sessions of their own, which share the ctl of the session for which they ring.
package media
