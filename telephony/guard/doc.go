// Package guard bounds what is called, outside and within the house: so many calls a minute, at a time,
// and minutes a day, and at which hours nothing, for users, groups, sites and
// trunks, for all numbers or those of a kind. It is what stops a stolen password
// from becoming an invoice.
//
// It counts, and says why it refuses. Which numbers may be called at all is the
// matter of rtc/policy; who pays for a call is the call layer's: whoever caused it,
// also by forwarding and transfer.
package guard
