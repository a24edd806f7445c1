package registrar

import (
	"bytes"

	"tandem/rtc/location"
	"tandem/rtc/sip"
)

// yielding chooses up to n bindings that give way at the limit, oldest first:
// those whose connection has ended, then those that the devices in this request
// made earlier. A phone that restarts with a new port each time leaves such
// bindings behind, and must not lock its user out with them.
func (j *job) yielding(old []location.Binding, spared uint64, n int) uint64 {
	gone := uint64(0)
	for _, yields := range [...]func(*location.Binding) bool{ended, j.earlier} {
		for k := len(old) - 1; k >= 0 && n > 0; k-- {
			if (spared|gone)&(1<<k) == 0 && yields(&old[k]) {
				gone |= 1 << k
				n--
			}
		}
	}
	return gone
}

// ended reports whether the connection by which b came is closed.
func ended(b *location.Binding) bool { return !b.Flow.Alive() }

// earlier reports whether a device that binds a contact in this request made b.
func (j *job) earlier(b *location.Binding) bool {
	for i := range j.contacts {
		if c := &j.contacts[i]; !c.remove && !c.same && c.sameDevice(b) {
			return true
		}
	}
	return false
}

// sameDevice reports whether the device that binds c is the one that made b. Its
// instance tells (RFC 5626 §4.1). Without one the Call-ID does, which a phone
// keeps until it restarts (RFC 3261 §10.2.4), or all that stays the same when it
// restarts: user and host of its contact, its address, its name.
func (c *contact) sameDevice(b *location.Binding) bool {
	d := &c.draft
	switch {
	case d.Device != b.Device:
		return false
	case len(d.Instance) > 0 && b.Instance != "":
		return string(d.Instance) == b.Instance
	case string(d.CallID) == b.CallID:
		return true
	}
	return string(d.UserAgent) == b.UserAgent && d.Flow.Remote.IsValid() &&
		d.Flow.Remote.Addr() == b.Flow.Remote.Addr() && c.besides(b)
}

// besides reports whether c and b have the same user at the same host.
func (c *contact) besides(b *location.Binding) bool {
	uri, err := sip.ParseURI([]byte(b.URI))
	return err == nil && bytes.Equal(c.uri.User, uri.User) && bytes.EqualFold(c.uri.Host, uri.Host)
}
