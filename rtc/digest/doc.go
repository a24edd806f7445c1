// Package digest is HTTP Digest as SIP uses it (RFC 7616, RFC 8760, RFC 3261
// §22): the algorithms, the response that proves a secret, and the client that
// answers challenges. rtc/auth decides whom the server believes; it computes
// with this package.
package digest
