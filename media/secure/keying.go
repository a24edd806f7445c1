package secure

// Keying is how media is protected, by where its keys come from.
type Keying string

const (
	Plain Keying = "none" // RTP/AVP: not at all
	// Optional is RTP/AVP with keys in SDP: protected when the far side takes them
	// (RFC 8643).
	Optional Keying = "optional"
	SDES     Keying = "sdes" // RTP/SAVP, keys in SDP (RFC 4568)
	DTLS     Keying = "dtls" // UDP/TLS/RTP/SAVPF (RFC 5764)
)

// Mandatory is the one profile all that know SRTP know (RFC 4568 §6.2.1).
const Mandatory Profile = "AES_CM_128_HMAC_SHA1_80"
