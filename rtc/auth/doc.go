// Package auth is the gate: it authenticates the sender of each request (RFC 3261 §22;
// Digest of RFC 7616 with the algorithms of RFC 8760). It passes the request on with an
// Identity, asks for credentials, or refuses it.
//
// It owns the nonces, the memory of their use, and the count of wrong credentials. It
// does not decide what an identity may do: the registrar, the proxy and the policies
// above it do.
//
// # Which requests need credentials
//
// ACK and CANCEL never do: they cannot be challenged (RFC 3261 §22.1). Requests over a
// flow that its listener trusts pass with an identity and without credentials, ACK and
// CANCEL included.
//
// A request within a dialog passes: it follows the route set that our proxy wrote, and
// its receiver recognizes the dialog by the tags. It gets an identity only if its
// credentials prove one; Demand asks for them. This applies only to methods that are
// used within dialogs: a To tag on a MESSAGE changes nothing.
//
// Any other sender that claims to be a user of one of our domains must prove it.
// Callers from other domains reach our users only where the configuration allows it,
// and need credentials for every destination that is not ours.
//
// # What a stale nonce is
//
// Nonces are not stored: a nonce carries its time and a MAC over the time, a random
// number and the sender's address. The gate answers an expired or used nonce, and one
// made for another address or before a restart, with a new nonce and stale=true; phones
// follow this without asking the user. In this case the gate does not verify the
// response, so its answer does not help to guess a password.
//
// With qop the nonce count must be new (a window of 64). Without qop, as in phones
// older than RFC 2617, a nonce is good for one request. A request that repeats octet by
// octet from the same address is a retransmission and passes.
package auth
