package proxy

import (
	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// movedTargets finds the device whose flow, named by a token in the Route, has gone, by what it has registered since: phones change their network in a
// call. Whose device it is stands in To, which is the far side of whoever sends
// in the dialog. Without any binding of his that fits, the flow has failed (RFC
// 5626 §5.3.1).
func (p *Proxy) movedTargets(r *rtc.Request, pl *plan, f *forward) error {
	failed := &rtc.Status{Code: 430}
	to, ok := r.To()
	if !ok || r.ToTag() == nil {
		return failed
	}
	u, err := sip.ParseURI(to.URI)
	if err != nil || u.Kind == sip.URIOther {
		return failed
	}
	aor, known := p.userOf(u)
	if !known {
		return failed
	}
	want := reach.Want{Secure: pl.uri.Kind == sip.URISIPS, Max: p.cfg.MaxForks}
	if _, gruu := pl.uri.Param("gr"); gruu {
		if _, want.Instance, known = p.find(pl.uri); !known {
			return failed
		}
	}
	for _, w := range sameDevice(pl.uri, p.cfg.Reach.Ways(aor, want)) {
		w.Spare = false
		f.add(target{Way: w, by: device})
	}
	if len(f.branches) == 0 {
		return failed
	}
	return nil
}

// userOf is the user of ours whom a URI in To means.
func (p *Proxy) userOf(u sip.URI) (rtc.AOR, bool) {
	if u.Kind == sip.URITel {
		var buf [64]byte
		number := numberOf(u, buf[:])
		if number == nil {
			return "", false
		}
		return p.users.Resolve(rtc.AOR("tel:" + string(number)))
	}
	if u.User == nil || !p.isOurs(u) {
		return "", false
	}
	aor, _, known := p.find(u)
	return aor, known
}

// sameDevice narrows ways down to those of the device that a dialog's remote
// target names: by its Contact, or the user part of it, which most phones keep.
// When none fits all are tried; the wrong devices answer 481.
func sameDevice(remote sip.URI, ways []reach.Way) []reach.Way {
	for _, fits := range [...]func(sip.URI) bool{
		func(u sip.URI) bool { return sip.EqualURI(u, remote) },
		func(u sip.URI) bool { return u.User != nil && string(u.User) == string(remote.User) },
	} {
		var list []reach.Way
		for _, w := range ways {
			if u, err := sip.ParseURI([]byte(w.URI)); err == nil && fits(u) {
				list = append(list, w)
			}
		}
		if list != nil {
			return list
		}
	}
	return ways
}
