package sip

// HeaderID names a header field known to this package; HdrOther is any other.
// Long and compact forms share one id (RFC 3261 §7.3.3).
type HeaderID uint8

// Header field ids, in the order of their registration RFCs.
const (
	HdrOther HeaderID = iota
	HdrVia
	HdrFrom
	HdrTo
	HdrCallID
	HdrCSeq
	HdrContact
	HdrMaxForwards
	HdrRoute
	HdrRecordRoute
	HdrContentLength
	HdrContentType
	HdrContentEncoding
	HdrContentDisposition
	HdrContentLanguage
	HdrMIMEVersion
	HdrAuthorization
	HdrProxyAuthorization
	HdrWWWAuthenticate
	HdrProxyAuthenticate
	HdrAuthenticationInfo
	HdrExpires
	HdrMinExpires
	HdrRequire
	HdrProxyRequire
	HdrSupported
	HdrUnsupported
	HdrAllow
	HdrAccept
	HdrAcceptEncoding
	HdrAcceptLanguage
	HdrUserAgent
	HdrServer
	HdrDate
	HdrTimestamp
	HdrSubject
	HdrOrganization
	HdrPriority
	HdrWarning
	HdrRetryAfter
	HdrInReplyTo
	HdrReplyTo
	HdrAlertInfo
	HdrCallInfo
	HdrErrorInfo
	HdrPath               // RFC 3327
	HdrServiceRoute       // RFC 3608
	HdrEvent              // RFC 6665
	HdrAllowEvents        // RFC 6665
	HdrSubscriptionState  // RFC 6665
	HdrSIPETag            // RFC 3903
	HdrSIPIfMatch         // RFC 3903
	HdrPAssertedIdentity  // RFC 3325
	HdrPPreferredIdentity // RFC 3325
	HdrPrivacy            // RFC 3323
	HdrReason             // RFC 3326
	HdrDiversion          // RFC 5806
	HdrHistoryInfo        // RFC 7044
	HdrSessionExpires     // RFC 4028
	HdrMinSE              // RFC 4028
	HdrRAck               // RFC 3262
	HdrRSeq               // RFC 3262
	HdrReplaces           // RFC 3891
	HdrReferTo            // RFC 3515
	HdrReferredBy         // RFC 3892
	HdrReferSub           // RFC 4488
	HdrTargetDialog       // RFC 4538
	HdrJoin               // RFC 3911
	HdrRequestDisposition // RFC 3841
	HdrAcceptContact      // RFC 3841
	HdrRejectContact      // RFC 3841
	HdrIdentity           // RFC 8224
	HdrFlowTimer          // RFC 5626
	HdrSessionID          // RFC 7989
	HdrRemotePartyID      // draft-ietf-sip-privacy, still sent by gateways
	HdrResourcePriority   // RFC 4412
	headerIDs             // number of ids
)

// Header is one header line: its id, the name as spelled, and the value
// without leading and trailing blanks. Folded lines (RFC 3261 §7.3.1) are kept
// as received: a value may hold CRLF followed by a blank.
type Header struct {
	ID    HeaderID
	Name  []byte
	Value []byte
}
