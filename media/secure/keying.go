package secure

// Keying says whether media is protected, and where the keys come from.
type Keying string

const (
	Plain Keying = "none" // RTP/AVP: unprotected
	// Optional is RTP/AVP with keys in SDP: protected if the far side accepts them (RFC
	// 8643).
	Optional Keying = "optional"
	SDES     Keying = "sdes" // RTP/SAVP, keys in SDP (RFC 4568)
	DTLS     Keying = "dtls" // UDP/TLS/RTP/SAVPF (RFC 5764)
)

// Mandatory is the profile that every SRTP implementation supports (RFC 4568 §6.2.1).
const Mandatory Profile = "AES_CM_128_HMAC_SHA1_80"
