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

var methodNames = [...]string{
	MethodOther: "",
	INVITE:      "INVITE",
	ACK:         "ACK",
	BYE:         "BYE",
	CANCEL:      "CANCEL",
	REGISTER:    "REGISTER",
	OPTIONS:     "OPTIONS",
	PRACK:       "PRACK",
	UPDATE:      "UPDATE",
	INFO:        "INFO",
	SUBSCRIBE:   "SUBSCRIBE",
	NOTIFY:      "NOTIFY",
	PUBLISH:     "PUBLISH",
	MESSAGE:     "MESSAGE",
	REFER:       "REFER",
}

// String is the method as written in a request line, "" for MethodOther.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return ""
}

// MethodOf is the method of that spelling.
func MethodOf(name []byte) Method {
	switch string(name) {
	case "INVITE":
		return INVITE
	case "ACK":
		return ACK
	case "BYE":
		return BYE
	case "CANCEL":
		return CANCEL
	case "REGISTER":
		return REGISTER
	case "OPTIONS":
		return OPTIONS
	case "PRACK":
		return PRACK
	case "UPDATE":
		return UPDATE
	case "INFO":
		return INFO
	case "SUBSCRIBE":
		return SUBSCRIBE
	case "NOTIFY":
		return NOTIFY
	case "PUBLISH":
		return PUBLISH
	case "MESSAGE":
		return MESSAGE
	case "REFER":
		return REFER
	}
	return MethodOther
}
