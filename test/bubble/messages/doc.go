// Package messages holds the tests of messages, consent, lists and the documents of users
// over the whole server, in virtual time.
package messages
