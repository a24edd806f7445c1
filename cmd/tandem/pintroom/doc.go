// Package pintroom puts click-to-call (PINT) among the other rooms of the server: it
// gives PINT telephony to call with (Calls), the directory, the numbers and the policy to
// ask (Rights), and gateways elsewhere to pass requests to (Broker); and it shows requests
// to who watches lines (Lines).
//
// It translates between rooms that do not know each other, and decides nothing.
package pintroom
