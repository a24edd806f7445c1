// Package exchange is offer and answer (RFC 3264) for one side of a call: an Agent
// writes descriptions, takes those of the other side, and says what is agreed. It owns
// the versions of o=, the places of m-lines, payload numbers, and the choice of keys. It
// knows nothing of sockets and calls: its caller provides addresses and ports, and says
// when an offer was refused.
package exchange
