// Package calls holds the tests of calls over the whole server: trunks and numbers,
// ringing and forwarding, transfer, hold, conferences, recording, emergency calls,
// fraud, and the records, with raw bytes and independent clients as telephones.
package calls
