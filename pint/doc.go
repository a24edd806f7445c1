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
//
// How R2C calls are made: the server is the controller of RFC 3725, and the media relay
// is part of it. Each party gets an INVITE with a complete offer of the relay, is
// acknowledged at once with the relay's side of the conversation, and hears from it what
// there is to hear: ringback in the national cadence, or the early media of the other,
// then the other party. This is none of the four flows of RFC 3725 §4, and has none of
// their drawbacks: nobody's 200 waits for a second person (flow I), no offer is a black
// hole or without media (II, III, IV), no re-INVITE is needed to join (II to IV), and no
// offer comes in a 200, which many gateways do not take. Since either leg is negotiated
// with the relay alone, both may have chosen different codecs: then the relay converts.
// Sound never goes from party to party past the relay, also after re-INVITEs, which the
// relay answers or carries across. A re-INVITE without an offer of a party who still waits
// gets 491, and a party who waits is told by a Reason in its BYE why the other could not
// be reached (§6). The versions of o= lines grow in each leg by itself (§7).
package pint
