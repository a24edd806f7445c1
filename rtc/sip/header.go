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

var headerNames = [headerIDs]string{
	HdrVia: "Via", HdrFrom: "From", HdrTo: "To", HdrCallID: "Call-ID", HdrCSeq: "CSeq",
	HdrContact: "Contact", HdrMaxForwards: "Max-Forwards", HdrRoute: "Route",
	HdrRecordRoute: "Record-Route", HdrContentLength: "Content-Length",
	HdrContentType: "Content-Type", HdrContentEncoding: "Content-Encoding",
	HdrContentDisposition: "Content-Disposition", HdrContentLanguage: "Content-Language",
	HdrMIMEVersion: "MIME-Version", HdrAuthorization: "Authorization",
	HdrProxyAuthorization: "Proxy-Authorization", HdrWWWAuthenticate: "WWW-Authenticate",
	HdrProxyAuthenticate: "Proxy-Authenticate", HdrAuthenticationInfo: "Authentication-Info",
	HdrExpires: "Expires", HdrMinExpires: "Min-Expires", HdrRequire: "Require",
	HdrProxyRequire: "Proxy-Require", HdrSupported: "Supported", HdrUnsupported: "Unsupported",
	HdrAllow: "Allow", HdrAccept: "Accept", HdrAcceptEncoding: "Accept-Encoding",
	HdrAcceptLanguage: "Accept-Language", HdrUserAgent: "User-Agent", HdrServer: "Server",
	HdrDate: "Date", HdrTimestamp: "Timestamp", HdrSubject: "Subject",
	HdrOrganization: "Organization", HdrPriority: "Priority", HdrWarning: "Warning",
	HdrRetryAfter: "Retry-After", HdrInReplyTo: "In-Reply-To", HdrReplyTo: "Reply-To",
	HdrAlertInfo: "Alert-Info", HdrCallInfo: "Call-Info", HdrErrorInfo: "Error-Info",
	HdrPath: "Path", HdrServiceRoute: "Service-Route", HdrEvent: "Event",
	HdrAllowEvents: "Allow-Events", HdrSubscriptionState: "Subscription-State",
	HdrSIPETag: "SIP-ETag", HdrSIPIfMatch: "SIP-If-Match",
	HdrPAssertedIdentity: "P-Asserted-Identity", HdrPPreferredIdentity: "P-Preferred-Identity",
	HdrPrivacy: "Privacy", HdrReason: "Reason", HdrDiversion: "Diversion",
	HdrHistoryInfo: "History-Info", HdrSessionExpires: "Session-Expires", HdrMinSE: "Min-SE",
	HdrRAck: "RAck", HdrRSeq: "RSeq", HdrReplaces: "Replaces", HdrReferTo: "Refer-To",
	HdrReferredBy: "Referred-By", HdrReferSub: "Refer-Sub", HdrTargetDialog: "Target-Dialog",
	HdrJoin: "Join", HdrRequestDisposition: "Request-Disposition",
	HdrAcceptContact: "Accept-Contact", HdrRejectContact: "Reject-Contact",
	HdrIdentity: "Identity", HdrFlowTimer: "Flow-Timer", HdrSessionID: "Session-ID",
	HdrRemotePartyID: "Remote-Party-ID", HdrResourcePriority: "Resource-Priority",
}

// compactNames are the one-letter names registered with IANA; 'n' is the
// Identity-Info of the withdrawn RFC 4474 and stays an unknown header.
var compactNames = [26]HeaderID{
	0: HdrAcceptContact, 'b' - 'a': HdrReferredBy, 'c' - 'a': HdrContentType,
	'd' - 'a': HdrRequestDisposition, 'e' - 'a': HdrContentEncoding, 'f' - 'a': HdrFrom,
	'i' - 'a': HdrCallID, 'j' - 'a': HdrRejectContact, 'k' - 'a': HdrSupported,
	'l' - 'a': HdrContentLength, 'm' - 'a': HdrContact, 'o' - 'a': HdrEvent,
	'r' - 'a': HdrReferTo, 's' - 'a': HdrSubject, 't' - 'a': HdrTo, 'u' - 'a': HdrAllowEvents,
	'v' - 'a': HdrVia, 'x' - 'a': HdrSessionExpires, 'y' - 'a': HdrIdentity,
}

// Compact is the one-letter form of a header name, 0 for a name that has none.
func Compact(name []byte) byte {
	id := headerID(name)
	if id == HdrOther {
		return 0
	}
	for i, has := range compactNames {
		if has == id {
			return 'a' + byte(i)
		}
	}
	return 0
}

// The names are found by first letter and length: buckets holds the first id
// of each pair, chain the next one with the same.
const longestName = 24

type nameTable struct {
	buckets [26][longestName]HeaderID
	chain   [headerIDs]HeaderID
}

var names = buildNames()

func buildNames() (t nameTable) {
	for id := headerIDs - 1; id > HdrOther; id-- {
		s := headerNames[id]
		b := &t.buckets[s[0]|0x20-'a'][len(s)]
		t.chain[id], *b = *b, id
	}
	return t
}

// String is the name in full, "" for HdrOther.
func (id HeaderID) String() string {
	if id < headerIDs {
		return headerNames[id]
	}
	return ""
}

// HeaderByName is the id of a name or compact form, HdrOther for an unknown one.
func HeaderByName(name string) HeaderID { return headerID(raw(name)) }

func headerID(name []byte) HeaderID {
	if len(name) == 0 || len(name) >= longestName {
		return HdrOther
	}
	c := name[0] | 0x20 - 'a'
	if c >= 26 {
		return HdrOther
	}
	if len(name) == 1 {
		return compactNames[c]
	}
	for id := names.buckets[c][len(name)]; id != HdrOther; id = names.chain[id] {
		if s := headerNames[id]; string(name) == s || EqualFold(name, s) {
			return id
		}
	}
	return HdrOther
}
