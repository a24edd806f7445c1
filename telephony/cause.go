package telephony

import "tandem/telephony/q850"

// causeOf is the Q.850 cause of the end of a call, or of an attempt. A cause that a gateway gave
// counts more than the one its status maps to (RFC 3398 §7.2.4).
func causeOf(e End) q850.Cause {
	if cause := q850.Read(e.Reason); cause != 0 {
		return cause
	}
	return q850.OfStatus(e.Code)
}
