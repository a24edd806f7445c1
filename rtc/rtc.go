package rtc

import (
	"errors"
	"fmt"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// AOR is an address-of-record in the canonical form of sip.URI.AppendAOR:
// "sip:alice@example.com".
type AOR string

// User is the part before '@', "" when there is none.
func (a AOR) User() string { u, _ := a.split(); return u }

// Domain is the part after '@'.
func (a AOR) Domain() string { _, d := a.split(); return d }

func (a AOR) split() (user, domain string) {
	s := string(a)
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			s = s[i+1:]
			break
		}
	}
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '@' {
			return s[:i], s[i+1:]
		}
	}
	return "", s
}

// Method of authentication by which an Identity was established.
type AuthMethod uint8

// How an identity is known.
const (
	AuthNone    AuthMethod = iota
	AuthDigest             // RFC 3261 §22, RFC 8760
	AuthTrusted            // the listener trusts the source address
	AuthTLS                // a client certificate
)

// Identity is who sent a request, as the gate found out.
type Identity struct {
	AOR    AOR    // of the user; "" for a trusted peer that is no user
	Device string // the device secret used, "" for the user's own password
	Peer   string // name of the peer that sends, as of a trunk; "" when it is none
	Method AuthMethod
	Rights Rights // of the peer; a user's are not kept here
	Secret int64  // the secret used, among the user's: when it was made, unix ms; 0 for none or when that is not known
}

// Rights are what a peer may do besides calling users of ours.
type Rights uint8

// The rights.
const (
	Transit Rights = 1 << iota // its requests may go on to another peer
	Asserts                    // who it says the caller is counts (RFC 3325)
)

// Has reports whether all of some rights are there.
func (r Rights) Has(some Rights) bool { return r&some == some }

// Status is an error that is also a final response. Err is for the log and
// never reaches the wire.
type Status struct {
	Code   int
	Reason string // "" = the standard phrase
	Header []byte // further complete header lines
	Err    error
}

func (s *Status) Error() string {
	reason := s.Reason
	if reason == "" {
		reason = sip.ReasonPhrase(s.Code)
	}
	if s.Err != nil {
		return fmt.Sprintf("%d %s: %v", s.Code, reason, s.Err)
	}
	return fmt.Sprintf("%d %s", s.Code, reason)
}

func (s *Status) Unwrap() error { return s.Err }

// Next is returned by a Handler that leaves the request to the one after it.
//
//lint:ignore ST1012 it is no failure and reads as what it does: return rtc.Next
var Next = errors.New("next handler")

// Request is one request on its way through the handlers.
// It is valid until the handler returns; Hold makes it last.
type Request struct {
	*sip.Message
	Tx       *transaction.Server
	Identity *Identity // nil until the gate has answered

	router *Router
	next   int  // index of the handler that comes next
	held   bool // outlives its handler
}

// Flow the request came by.
func (r *Request) Flow() transport.Flow { return r.Tx.Flow() }

// Handler does its part of a request: returns Next when it is not (all) its
// own, nil when it has answered or will answer, or an error: a *Status is sent
// as it says, any other error as 500.
// It runs on the request's lane and must not block.
type Handler interface {
	Serve(r *Request) error
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(r *Request) error

// Serve calls f.
func (f HandlerFunc) Serve(r *Request) error { return f(r) }
