// Package dialog holds dialogs (RFC 3261 §12) and the calls in them, for user
// agents that live in this server: a B2BUA, a notifier, a conference.
//
// A Dialog is the state two user agents share: its ID, route set, remote
// target, sequence numbers. A Table finds it for a request inside it. What it
// is used for are its Usages (RFC 5057): the one in this package is Session,
// the call. It rings, accepts, acknowledges, renegotiates (re-INVITE, UPDATE),
// refreshes (session timer, RFC 4028), acknowledges provisional responses
// (PRACK, RFC 3262) and ends. Subscriptions and REFER are usages of packages
// below. A Call is an INVITE of ours that may fork into several Sessions.
//
//	ua := dialog.New(dialog.Config{Layer: layer, Wire: dialog.Over(t), …})
//	call, err := ua.Invite(dialog.Invite{Way: dialog.Way{URI: "sip:bob@…"}, …, Events: dialog.Events{…}})
//	in, err := ua.Receive(r, dialog.Inbound{Events: dialog.Events{…}}) // an INVITE that came
//
// It is an rtc.Handler: it takes the requests in its dialogs and leaves all
// others to the next one, which calls Receive for an INVITE that it wants to
// take.
//
// Everything of a dialog happens on the transaction.Lane of its Call-ID: the
// callbacks in Events run there and the methods of Call, Session and Incoming
// may be called only there (Do gets there from elsewhere). There is no other
// lock and no goroutine; timers stand on the lane's wheel. A UA's Run only
// carries work from one lane to another: a dialog found by Table.Replaces is
// usually on another one, use Post. Two calls that must act together can share
// a lane: give Invite the Lane of the first.
//
// Session descriptions are opaque here: the package counts offers and answers
// (no second offer while one is open) and does not read them.
package dialog
