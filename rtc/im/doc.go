// Package im delivers instant messages (MESSAGE, RFC 3428) to the users of our
// domains: to all devices of a user, or to the most available ones, and later
// to those that are absent now.
//
// It owns the messages that are kept, the list of devices each user has been
// seen with, and the deliveries under way. It decides nothing about who may
// write to whom: Config.Rule says that. MESSAGE in a dialog, to another domain,
// or by a route that is not ours is the proxy's matter and passes untouched.
//
// # When the sender is answered
//
// 200 says that a device has taken the message. 202 says that it is on disk. A
// message is sent at once to each device that can be reached. A device that is
// away, or does not answer within Config.Patience, gets it later; the answer
// waits until that is on disk. So after a crash nothing that was acknowledged
// is missing. What was not acknowledged is sent again by its sender and found
// to be the same by its From tag, Call-ID and CSeq.
//
// # Once and in order
//
// A kept message names the devices it waits for: those known by their instance
// (+sip.instance, RFC 5626), and, when no device at all had it, whoever comes
// first. They get it one after the other, in the order of arrival, when they
// register. A new message does not overtake: while older ones wait for a
// device, or one of the same sender is under way to it, it is kept as well.
//
// A kept message has the Call-ID, CSeq and From tag it came with. A device that
// gets it a second time, because the server died between its 200 and the disk,
// recognises it and answers 482 (RFC 3261 §8.2.2.2), which counts as delivered.
//
// # Ownership
//
// A flight (one message on its way to the devices that are there) belongs to the
// lane of its Call-ID. Mailboxes stand behind the locks of their shards; nothing
// is sent or called under one. Kept messages are delivered by goroutines of Run,
// one a device, bounded in number.
package im
