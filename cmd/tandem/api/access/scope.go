// Package access says who calls the API and what they may do: scopes, callers,
// and the tokens by which a remote caller proves who they are.
//
// A token is shown once. Only its SHA-256 is kept, which is enough for 256
// random bits. What an operation needs is told by the operation, not here.
package access

import (
	"slices"
	"strings"
)

// Scope is a permission: "users:read", "users:write", or Admin.
type Scope string

// Admin is every permission.
const Admin Scope = "admin"

// Read is the permission to see a noun.
func Read(noun string) Scope { return Scope(noun + ":read") }

// Write is the permission to see and change a noun.
func Write(noun string) Scope { return Scope(noun + ":write") }

// noun of a scope, "" of Admin.
func (s Scope) noun() string {
	noun, _, ok := strings.Cut(string(s), ":")
	if !ok {
		return ""
	}
	return noun
}

// Reading is what is needed to see what s may change.
func (s Scope) Reading() Scope {
	if noun := s.noun(); noun != "" {
		return Read(noun)
	}
	return s
}

// personal are the nouns that a token limited to one user may name: what is the
// user's own affair.
var personal = []string{"contacts", "events", "messages", "presence"}

// Scopes are the permissions of one caller.
type Scopes []Scope

// Allow tells whether the scopes cover need. Write covers read, Admin all.
func (s Scopes) Allow(need Scope) bool {
	if slices.Contains(s, Admin) || slices.Contains(s, need) {
		return true
	}
	noun := need.noun()
	return noun != "" && need == Read(noun) && slices.Contains(s, Write(noun))
}
