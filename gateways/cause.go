package gateways

import "tandem/telephony/q850"

// Failure is what a trunk's failure of a call means for the trunk after it.
type Failure struct {
	Next bool   // another trunk may succeed
	Why  string // for people
}

// FailureOf reads how a call through a trunk failed: the SIP status, 0 when
// nothing was heard or the trunk was not reached; and the value of the Reason
// header that came with it, "" without one. A cause of Q.850 in it (RFC 3326,
// RFC 6432) says more than the status, which several causes share. rang is whether
// the called party's phone had rung: then nobody else reaches them better.
//
// What the called party did, and numbers that are wrong, end the search; what the
// trunk could not do does not.
func FailureOf(code int, reason string, rang bool) Failure {
	if cause := q850.Read(reason); cause != 0 {
		if f, ok := ofCause(cause); ok {
			return f
		}
	}
	if rang && (code == 408 || code == 480 || code == 0) {
		return Failure{false, "the called party did not answer"}
	}
	return ofStatus(code)
}

// ofStatus is what a SIP status alone says.
func ofStatus(code int) Failure {
	switch code {
	case 0, 408:
		return Failure{true, "the trunk did not answer"}
	case 401, 407:
		return Failure{true, "the trunk does not accept this server's credentials"}
	case 403: // that of causes 21, 55, 57 and 87 (RFC 3398 §7.2.4.1)
		return Failure{false, "the network does not allow the call"}
	case 405, 406, 413, 415, 416, 420, 421, 422, 488, 493, 494, 580, 606:
		return Failure{true, "the trunk does not speak as this server does"}
	case 404, 410, 484, 485, 604:
		return Failure{false, "there is no such number"}
	case 486, 600:
		return Failure{false, "the called party is busy"}
	case 603, 607, 608:
		return Failure{false, "the called party declined"}
	case 480:
		return Failure{false, "the called party cannot be reached"}
	case 482, 483:
		return Failure{false, "the call goes in a circle"}
	case 487:
		return Failure{false, "the caller hung up"}
	}
	switch {
	case code >= 300 && code < 400:
		return Failure{true, "the trunk sends the call elsewhere, where it does not go"}
	case code >= 500 && code < 600:
		return Failure{true, "the trunk has a failure or no channel"}
	}
	return Failure{false, "the network refused the call"}
}

// ofCause is what a cause of Q.850 says; ok is false where the status says more.
func ofCause(cause q850.Cause) (f Failure, ok bool) {
	switch cause {
	case 1, 22, 28:
		return Failure{false, "there is no such number"}, true
	case 2, 3:
		return Failure{true, "the trunk has no route to the number"}, true
	case 16, 31:
		return Failure{}, false
	case 17:
		return Failure{false, "the called party is busy"}, true
	case 18, 19:
		return Failure{false, "the called party did not answer"}, true
	case 20, 27:
		return Failure{false, "the called party cannot be reached"}, true
	case 21:
		return Failure{false, "the called party declined"}, true
	case 55, 57, 87:
		return Failure{false, "the network does not allow the call"}, true
	case 34, 44:
		return Failure{true, "the trunk has no channel"}, true
	case 38, 41, 42, 43, 46, 47, 49, 102:
		return Failure{true, "the network behind the trunk has a failure"}, true
	case 29, 50, 58, 63, 65, 66, 69, 70, 79, 88:
		return Failure{true, "the trunk does not offer this kind of call"}, true
	case 95, 96, 97, 98, 99, 100, 101, 111:
		return Failure{true, "the trunk did not understand the call"}, true
	}
	return Failure{}, false
}
