package proxy

import (
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// recurse follows a redirection to contacts in domains of ours (RFC 3261 §16.7 step 4).
// It reports whether all contacts have been followed, so that the 3xx itself no longer
// counts.
func (f *forward) recurse(m *sip.Message) bool {
	all, any := true, false
	for v := range m.Values(sip.HdrContact) {
		na, err := sip.ParseNameAddr(v)
		if err != nil || na.Star {
			all = false
			continue
		}
		u, err := sip.ParseURI(na.URI)
		if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS || u.User == nil || !f.p.isOurs(u) {
			all = false
			continue
		}
		if f.follow(u, na.Quality()) {
			any = true
		} else {
			all = false
		}
	}
	return all && any
}

// follow adds the bindings of a user of ours.
func (f *forward) follow(u sip.URI, q uint16) bool {
	if f.plan.uri.Kind == sip.URISIPS && u.Kind != sip.URISIPS {
		return false // §16.5: a sips URI is never replaced by a sip URI
	}
	aor, instance, ok := f.p.find(u)
	if !ok {
		return false
	}
	before := len(f.branches)
	for _, w := range f.p.cfg.Reach.Ways(aor, reach.Want{Secure: u.Kind == sip.URISIPS, Instance: instance}) {
		if len(f.branches) >= f.p.cfg.MaxForks || f.tried(w.URI) {
			continue
		}
		w.Q, w.Spare = q, f.knows(w.Instance)
		f.addDevice(w)
	}
	return len(f.branches) > before
}

// knows reports whether one of the branches already leads to the device.
func (f *forward) knows(instance string) bool {
	for i := range f.branches {
		if instance != "" && f.branches[i].Instance == instance {
			return true
		}
	}
	return false
}

// tried reports whether a Request-URI is already in the target set (§16.5: no target is
// added twice).
func (f *forward) tried(uri string) bool {
	for i := range f.branches {
		if f.branches[i].URI == uri {
			return true
		}
	}
	return false
}
