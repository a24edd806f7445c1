package dialect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Manner is how one trunk is spoken to. Empty fields are those of its dialect.
type Manner struct {
	Format    Format    `json:"format,omitempty"`      // of numbers sent to it
	CallerID  CallerID  `json:"caller_id,omitempty"`   // where the caller's number stands
	UserPhone Switch    `json:"user_phone,omitempty"`  // numbers in URIs are marked user=phone (RFC 3261 §19.1.1)
	Reliable  Switch    `json:"reliable,omitempty"`    // provisional responses may be reliable (100rel, RFC 3262)
	Early     Early     `json:"early_media,omitempty"` // what is done with sound before the answer
	Keys      Keys      `json:"dtmf,omitempty"`        // how keys are sent
	Diversion Diversion `json:"diversion,omitempty"`   // how it is told that a call was forwarded
	Media     Media     `json:"media,omitempty"`       // whether sound is encrypted
	Probe     Probe     `json:"probe,omitempty"`       // how it is found out whether it is there
	Redirects Redirects `json:"redirects,omitempty"`   // what is done when it sends a call elsewhere
	Ported    Switch    `json:"ported,omitempty"`      // it is told how a number is ported, where that is known (RFC 4694)
}

// Format is how numbers are written.
type Format string

// The formats.
const (
	FormatE164   Format = "e164"   // +49301234567
	FormatDigits Format = "digits" // 49301234567
)

// CallerID is the header in which a trunk expects the caller's number.
type CallerID string

// The places of a caller's number.
const (
	CallerAsserted CallerID = "pai"  // P-Asserted-Identity (RFC 3325) and From
	CallerRemote   CallerID = "rpid" // Remote-Party-ID, for gateways of old, and From
	CallerFrom     CallerID = "from" // From alone
)

// Switch is on or off.
type Switch string

// The positions.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Early is what is done with sound that comes before the answer.
type Early string

// The ways with early media.
const (
	EarlyPass   Early = "pass"   // the caller hears it
	EarlyIgnore Early = "ignore" // the caller hears the ringing tone of the phone
)

// Keys is how keys (DTMF) are sent.
type Keys string

// The ways of keys.
const (
	KeysEvents Keys = "events" // telephone-event in RTP (RFC 4733)
	KeysInband Keys = "inband" // as tones in the sound
	KeysInfo   Keys = "info"   // in INFO requests (application/dtmf-relay)
)

// Diversion is the header that tells a trunk who forwarded a call.
type Diversion string

// The headers of a diversion.
const (
	DiversionBoth    Diversion = "both"
	DiversionHeader  Diversion = "diversion" // Diversion (RFC 5806)
	DiversionHistory Diversion = "history"   // History-Info (RFC 7044)
	DiversionNone    Diversion = "none"
)

// Media is whether a trunk's sound is encrypted (SRTP, RFC 3711).
type Media string

// The kinds of media security.
const (
	MediaOff     Media = "off"
	MediaPrefer  Media = "prefer"  // offered, and done without where refused
	MediaRequire Media = "require" // no call without
)

// Probe is how it is found out whether a trunk is there, besides by calls.
type Probe string

// The probes.
const (
	ProbeOptions Probe = "options" // OPTIONS every half minute, more often when something speaks against it
	ProbeOff     Probe = "off"     // for gateways that do not bear it
)

// Redirects is what is done when a trunk answers a call with another address (3xx).
type Redirects string

// The ways with redirections.
const (
	RedirectsRefuse Redirects = "refuse" // the next trunk is tried
	RedirectsFollow Redirects = "follow" // the number named is called, if whoever pays may call it
)

// Or is the manner with its empty fields filled from another.
func (m Manner) Or(o Manner) Manner {
	return Manner{
		Format: cmp.Or(m.Format, o.Format), CallerID: cmp.Or(m.CallerID, o.CallerID), UserPhone: cmp.Or(m.UserPhone, o.UserPhone),
		Reliable: cmp.Or(m.Reliable, o.Reliable), Early: cmp.Or(m.Early, o.Early), Keys: cmp.Or(m.Keys, o.Keys),
		Diversion: cmp.Or(m.Diversion, o.Diversion),
		Media:     cmp.Or(m.Media, o.Media), Probe: cmp.Or(m.Probe, o.Probe), Redirects: cmp.Or(m.Redirects, o.Redirects),
		Ported: cmp.Or(m.Ported, o.Ported),
	}
}

// Check names the first field that has a word it does not know, and the words it
// knows. Empty fields are right.
func (m Manner) Check() error {
	return cmp.Or(
		known("format", m.Format, FormatE164, FormatDigits),
		known("caller_id", m.CallerID, CallerAsserted, CallerRemote, CallerFrom),
		known("user_phone", m.UserPhone, On, Off),
		known("reliable", m.Reliable, On, Off),
		known("early_media", m.Early, EarlyPass, EarlyIgnore),
		known("dtmf", m.Keys, KeysEvents, KeysInband, KeysInfo),
		known("diversion", m.Diversion, DiversionBoth, DiversionHeader, DiversionHistory, DiversionNone),
		known("media", m.Media, MediaOff, MediaPrefer, MediaRequire),
		known("probe", m.Probe, ProbeOptions, ProbeOff),
		known("redirects", m.Redirects, RedirectsRefuse, RedirectsFollow),
		known("ported", m.Ported, On, Off),
	)
}

func known[T ~string](field string, v T, words ...T) error {
	if v == "" || slices.Contains(words, v) {
		return nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return fmt.Errorf("%s %q: use %s", field, v, strings.Join(list, ", "))
}
