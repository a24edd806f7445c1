// Package q850 is the causes by which telephone networks say why a call ended
// (ITU-T Q.850), the SIP statuses they stand for and that stand for them (RFC 3398),
// and a text for people.
//
// It owns the one table of both. What a cause means for the next trunk is gateways'.
package q850

import (
	"fmt"
	"strconv"
	"strings"
)

// Cause is a cause value of Q.850 §2.2.7, 1 to 127. 0 is none.
type Cause int

// Causes that are named in code.
const (
	Normal      Cause = 16
	Unspecified Cause = 31
	NoChannel   Cause = 34
)

// row is a cause, the status it is told by in SIP (RFC 3398 §7.2.4.1), and what it
// says to people.
type row struct {
	cause  Cause
	status int
	text   string
}

// table has every cause that networks send. Causes the RFC does not name are told by
// 500 there (§7.2.4.1, "default").
var table = []row{
	{1, 404, "The number is not assigned"},
	{2, 404, "There is no route to the network"},
	{3, 404, "There is no route to the number"},
	{16, 480, "The call was ended"},
	{17, 486, "The line is busy"},
	{18, 408, "No telephone responds"},
	{19, 480, "Nobody answers"},
	{20, 480, "The subscriber is absent"},
	{21, 403, "The call was rejected"},
	{22, 410, "The number has changed"},
	{23, 410, "The call was redirected"},
	{25, 500, "The exchange has a routing error"},
	{26, 404, "Another line was selected"},
	{27, 502, "The line is out of order"},
	{28, 484, "The number is incomplete or wrong"},
	{29, 501, "The facility was rejected"},
	{30, 500, "The line was asked how it is"},
	{31, 480, "The call ended for no stated reason"},
	{34, 503, "No channel is free"},
	{38, 503, "The network is out of order"},
	{39, 500, "The connection is out of order"},
	{40, 500, "The connection works"},
	{41, 503, "The network has a passing failure"},
	{42, 503, "The exchange is overloaded"},
	{43, 500, "Information was discarded"},
	{44, 500, "The channel asked for is not free"},
	{46, 500, "A more important call took the line"},
	{47, 503, "A resource is not available"},
	{49, 500, "The quality asked for is not available"},
	{50, 500, "The facility is not subscribed"},
	{53, 500, "Outgoing calls are barred in the group"},
	{55, 403, "Incoming calls are barred in the group"},
	{57, 403, "The kind of call is not permitted"},
	{58, 503, "The kind of call is not available now"},
	{62, 500, "The kind of call does not fit the subscriber"},
	{63, 500, "The service is not available"},
	{65, 488, "The kind of call is not offered"},
	{66, 500, "The kind of channel is not offered"},
	{69, 500, "The facility is not offered"},
	{70, 488, "Only restricted digital calls are offered"},
	{79, 501, "The service is not offered"},
	{81, 500, "The call reference is not valid"},
	{82, 500, "There is no such channel"},
	{83, 500, "A parked call is there, but not this one"},
	{84, 500, "The identity of a parked call is in use"},
	{85, 500, "No call is parked"},
	{86, 500, "The parked call has ended"},
	{87, 403, "The caller is not a member of the group"},
	{88, 503, "The telephones do not fit each other"},
	{90, 500, "There is no such group"},
	{91, 500, "The transit network is not valid"},
	{95, 500, "A message was not valid"},
	{96, 500, "A message lacked a part"},
	{97, 500, "A message was not known"},
	{98, 500, "A message did not fit the state of the call"},
	{99, 500, "A part of a message was not known"},
	{100, 500, "A part of a message was not valid"},
	{101, 500, "A message did not fit the state of the call"},
	{102, 504, "The exchange waited too long"},
	{103, 500, "A parameter was not known and was passed on"},
	{110, 500, "A message with an unknown parameter was discarded"},
	{111, 500, "There was a protocol error"},
	{127, 500, "Networks could not work together"},
}

// statuses are the causes of SIP statuses (RFC 3398 §8.2.6.1). 487 has none there,
// since the one who canceled knows why; it is the normal end here.
var statuses = map[int]Cause{
	400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22, 413: 127, 414: 127,
	415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 433: 21, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17,
	487: Normal, 488: 65, 500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127,
	600: 17, 603: 21, 604: 1, 606: 65,
}

// OfStatus is the cause of a SIP status: 16 for 2xx, 31 for those that have none.
func OfStatus(code int) Cause {
	if code >= 200 && code < 300 {
		return Normal
	}
	if c, ok := statuses[code]; ok {
		return c
	}
	return Unspecified
}

// Status is the SIP status by which the cause is told, 500 for one that is not known.
func (c Cause) Status() int {
	for i := range table {
		if table[i].cause == c {
			return table[i].status
		}
	}
	return 500
}

// Text is the cause for people.
func (c Cause) Text() string {
	for i := range table {
		if table[i].cause == c {
			return table[i].text
		}
	}
	return fmt.Sprintf("The network gave cause %d", int(c))
}

// Reason is the cause as a value of a Reason header (RFC 3326 §2).
func (c Cause) Reason() string { return fmt.Sprintf("Q.850;cause=%d;text=%q", int(c), c.Text()) }

// Read is the cause in the value of a Reason header, which may have several values;
// 0 when it has none of Q.850.
func Read(reason string) Cause {
	for value := range strings.SplitSeq(reason, ",") {
		protocol, params, _ := strings.Cut(value, ";")
		if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
			continue
		}
		for p := range strings.SplitSeq(params, ";") {
			name, v, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(name), "cause") {
				if n, err := strconv.Atoi(strings.Trim(v, " \t\"")); err == nil && n > 0 && n < 128 {
					return Cause(n)
				}
			}
		}
	}
	return 0
}
