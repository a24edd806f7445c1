// Package sip holds SIP messages (RFC 3261 §7, §19, §20, §25).
//
// A Message is the bytes as they were received plus an index built in one
// pass; typed views parse single values on demand without allocating. A
// forwarded message is the same bytes with splices (Edit); own messages are
// made by a Builder or AppendResponse. Check refuses what RFC 4475 wants
// refused, with the status to answer.
//
// The package owns no sockets, no timers and no state; it imports nothing of
// ours.
package sip
