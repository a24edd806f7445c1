// Package feature reads what is dialled at a phone to have the server do something:
// pickup, park, conferences, forwarding.
//
// It owns the codes. What follows from one is telephony's matter.
package feature

import "strings"

// Kind of a service.
type Kind uint8

// The services.
const (
	None         Kind = iota
	Pickup            // **USER: take a call that rings at a user's phone
	GroupPickup       // *8: take a call that rings at a phone of the own groups
	Park              // *5 and *5SLOT: a transfer there parks the other party
	Retrieve          // *5SLOT, dialled: take a parked call
	Intercom          // *80USER: the phone answers by itself
	Conference        // *6ROOM: join a conference
	Withhold          // *31*NUMBER: call it without showing who calls
	Always            // *21*TARGET# and #21#: forward all calls, and no more
	NoAnswer          // *61*TARGET# and #61#
	Unreachable       // *62*TARGET# and #62#
	Busy              // *67*TARGET# and #67#
	DoNotDisturb      // *26# and #26#
	CallWaiting       // *43# and #43#
	Hotdesk           // *11*USER*PIN# and #11#: log in at this phone, and out
	Paging            // *81GROUP: the phones of a group answer by themselves and hear the caller
)

// Code is what was dialled.
type Code struct {
	Kind Kind
	Arg  string // user, slot, room, number or target; "" when there is none
	Off  bool   // of a setting: it is taken back
}

// settings are the codes of what users want (ETSI ETS 300 738, 3GPP TS 22.030).
var settings = []struct {
	code string
	kind Kind
	arg  bool
}{
	{"21", Always, true}, {"61", NoAnswer, true}, {"62", Unreachable, true}, {"67", Busy, true}, {"26", DoNotDisturb, false}, {"43", CallWaiting, false}, {"11", Hotdesk, true},
}

// Read reads what was dialled, unescaped; false for what is not a code.
func Read(dialled string) (Code, bool) {
	if len(dialled) < 2 || len(dialled) > 64 {
		return Code{}, false
	}
	if c, ok := setting(dialled); ok {
		return c, true
	}
	switch {
	case dialled == "*8":
		return Code{Kind: GroupPickup}, true
	case dialled == "*5":
		return Code{Kind: Park}, true
	case strings.HasPrefix(dialled, "**"):
		return arg(Pickup, dialled[2:])
	case strings.HasPrefix(dialled, "*80"):
		return arg(Intercom, dialled[3:])
	case strings.HasPrefix(dialled, "*81"):
		return arg(Paging, dialled[3:])
	case strings.HasPrefix(dialled, "*31*"):
		return arg(Withhold, dialled[4:])
	case strings.HasPrefix(dialled, "*5") && digits(dialled[2:]):
		return arg(Retrieve, dialled[2:])
	case strings.HasPrefix(dialled, "*6") && digits(dialled[2:]):
		return arg(Conference, dialled[2:])
	}
	return Code{}, false
}

// Room is the code of a conference.
func Room(number string) string { return "*6" + number }

// Shown is what was dialled as records and logs may have it: without a PIN.
func Shown(dialled string) string {
	if c, ok := Read(dialled); ok && c.Kind == Hotdesk && !c.Off {
		user, _, _ := strings.Cut(c.Arg, "*")
		return "*11*" + user + "*"
	}
	return dialled
}

// setting reads *21*TARGET#, *26# and #21#. The # at the end may be missing.
func setting(dialled string) (Code, bool) {
	for _, s := range settings {
		rest, off := strings.CutPrefix(dialled, "#"+s.code)
		if off {
			if rest == "" || rest == "#" {
				return Code{Kind: s.kind, Off: true}, true
			}
			continue
		}
		rest, on := strings.CutPrefix(dialled, "*"+s.code)
		if !on {
			continue
		}
		if !s.arg && (rest == "" || rest == "#") {
			return Code{Kind: s.kind}, true
		}
		if target, ok := strings.CutPrefix(rest, "*"); ok && s.arg {
			return arg(s.kind, strings.TrimSuffix(target, "#"))
		}
	}
	return Code{}, false
}

func arg(kind Kind, text string) (Code, bool) {
	return Code{Kind: kind, Arg: text}, text != ""
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
