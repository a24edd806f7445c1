// Package calls holds the tests of one call over the whole server: ringing and
// forwarding, early media, hold, keys, transfer, and calls that the server itself
// connects, with raw bytes and independent clients as telephones.
package calls
