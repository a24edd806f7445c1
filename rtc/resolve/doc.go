// Package resolve finds out where a request for a URI goes: RFC 3263 with
// NAPTR, SRV and A/AAAA records, and which of the places found failed lately.
//
// It owns the DNS client, its cache and the list of failed places. Nothing of
// it blocks a lane: a numeric host is answered at once by Numeric, everything
// else by Lookup, whose answer comes from a goroutine of the Resolver. It
// sends no SIP; the caller tries the candidates in order and reports what
// became of them by Failed and Succeeded.
//
// Names are taken as absolute: there is no search list. "localhost" and the
// names of the hosts file have the addresses given there and no other records.
// What NAPTR records say of telephone numbers (ENUM) is read by telephony/enum.
package resolve
