package proxy

import (
	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// movedTargets handles a request whose Route has a token of a flow that has gone:
// phones change networks during a call. It finds the device by its current bindings.
// The user is the one in To, which is the other side of the dialog for any sender. If
// no binding of his fits, the flow has failed (RFC 5626 §5.3.1).
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

// userOf returns the user of ours whom the URI in To names.
func (p *Proxy) userOf(u sip.URI) (rtc.AOR, bool) {
	if u.Kind == sip.URITel {
		return p.users.Resolve(rtc.AOR(u.AppendAOR(nil)))
	}
	if u.User == nil || !p.isOurs(u) {
		return "", false
	}
	aor, _, known := p.find(u)
	return aor, known
}

// sameDevice selects the ways that lead to the device of a dialog's remote target:
// those with the same Contact, or the same user part, which most phones keep. If none
// fits, all are tried; the other devices answer 481.
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
