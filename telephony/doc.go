// Package telephony leads calls through the server. It is a back-to-back user
// agent: a call has a leg to the caller and a leg to the called side, each a
// dialog of its own, and a media session between them.
//
// It owns the calls, the decision where a call goes (a trunk of gateways for a
// number, the devices of a user), and the record of each call. It does not
// read or write messages (rtc/dialog), move audio (media), know where users
// are (rtc/reach) or which trunks exist (gateways).
//
// A call is an actor: its owner, a goroutine that lives only while events wait
// in the call's inbox, does everything that may wait, for media, for the store.
// The callbacks of a leg run on the lane of its dialog; they copy what they
// need and post to the inbox. The owner enters a leg by its lane. It never
// holds two lanes at a time, so legs may be on any lanes. See
// docs/adr/07-call-owner.md.
package telephony
