// Package api holds the tests of the operations over the whole server, by clients that
// share no code with ours: over HTTPS and the control socket, with tokens, events,
// webhooks and documents.
package api
