// Package pint is the vocabulary of click-to-call (PINT, RFC 2848): a Session is
// a request for a telephone service and what became of it. The package names what
// PINT needs of others, a Store, Telephony and Rights, and does nothing itself.
//
//	gateway     the SIP door: INVITE, BYE; refusals with their Warning
//	status      PINT's SUBSCRIBE, NOTIFY and UNSUBSCRIBE
//	camara      the Click-to-Dial door of CAMARA, over HTTP
//	executive   carries sessions out: schedule, calls, retries, ends
//	service     the table of services
//	party, sdp, uri, multipart   what requests are written in
//	limits, schedule, stats, sink, fetch, speech   what the executive stands on
//	sqlstore    sessions in the database
package pint
