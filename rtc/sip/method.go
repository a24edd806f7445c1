package sip

// Method is a SIP method known to this package, or MethodOther for any other
// token (its spelling stays in the message). Methods are case-sensitive
// (RFC 3261 §7.1).
type Method uint8

// The methods of RFC 3261 and its extensions.
const (
	MethodOther Method = iota
	INVITE
	ACK
	BYE
	CANCEL
	REGISTER
	OPTIONS
	PRACK     // RFC 3262
	UPDATE    // RFC 3311
	INFO      // RFC 6086
	SUBSCRIBE // RFC 6665
	NOTIFY    // RFC 6665
	PUBLISH   // RFC 3903
	MESSAGE   // RFC 3428
	REFER     // RFC 3515
)
