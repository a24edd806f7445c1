// Package auth is the gate: it finds out who sent a request (RFC 3261 §22,
// Digest of RFC 7616 with the algorithms of RFC 8760) and lets it on with an
// Identity, asks for credentials, or refuses it.
//
// It owns nonces, the memory of their use, and the count of wrong credentials.
// It does not say what an identity may do: the registrar, the proxy and the
// policies above do.
//
// # Which requests need credentials
//
// ACK and CANCEL never: they cannot be challenged (RFC 3261 §22.1). Requests
// over a flow its listener trusts pass as they are, with an identity, ACK and
// CANCEL too. A request within a dialog
// passes: it follows the route set our proxy wrote, and its receiver knows the
// dialog by its tags. It gets an identity only if it carries credentials that
// prove one; Demand asks for them. Only methods that belong into dialogs do so: a To
// tag on a MESSAGE opens nothing. Whoever says to be of a domain of ours
// proves it. Callers from elsewhere reach users of ours only where the
// configuration lets them, and need credentials for all that is not ours.
//
// # What a stale nonce is
//
// Nonces are not stored: they carry their time and a MAC over it, a random
// number and the sender's address. One that is too old, was made for another
// address or before a restart, or was used up, is answered with a new one and
// stale=true, which phones follow without asking the user. Whether the
// response was right is not looked at then, so such answers give nothing to
// guess by.
//
// With qop the nonce count must be new (a window of 64); without qop, as
// phones of before RFC 2617 do it, a nonce works for one request. A request that
// repeats octet by octet from the same address is a retransmission and passes.
package auth
