package event

import (
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// wish is what a SUBSCRIBE asks for.
type wish struct {
	pkg      *Package
	id       string
	resource rtc.AOR
	isList   bool
	given    []lists.Entry // members of a list that came with the SUBSCRIBE
	members  []lists.Entry // of a list that is kept, when they have been read
	gen      uint64        // see kept
	watcher  rtc.AOR
	proved   bool
	kind     uint8
	expires  time.Duration
	rates    rates
	has      condition // what need not be told
}

// wish reads and checks a SUBSCRIBE, in the order of RFC 6665 §4.2.1. with is a
// subscription in the same dialog, nil when it begins one.
func (n *Notifier) wish(r *rtc.Request, with *subscription) (w wish, err error) {
	pkg, id := r.Event()
	w.pkg = n.packages[string(pkg)]
	address, ok := n.address(r.Message, w.pkg)
	if with != nil { // the Request-URI is our Contact; it is about the same
		address, ok = with.about(), true
	}
	if !ok {
		return w, rtc.Next
	}
	if w.pkg == nil {
		if _, user := n.cfg.Users.Resolve(address); user && !n.oneDevice(r.Message) {
			return w, n.badEvent()
		}
		return w, rtc.Next
	}
	w.id = string(id)
	if n.oneDevice(r.Message) {
		return w, rtc.Next // for that device, whatever it makes of it
	}
	if with != nil && r.Identity == nil { // it comes from where he was heard before, see prove
		w.watcher, w.proved = with.user.aor, with.proved
	} else if err := n.who(r, &w); err != nil {
		return w, err
	}
	if err := n.target(r.Message, &w, address); err != nil {
		return w, err
	}
	return w, n.terms(r.Message, &w)
}

// address is whom the Request-URI names, false when it is none of ours. A telephone
// number is whose it is: a tel URI names no server (RFC 3966 §3).
func (n *Notifier) address(m *sip.Message, p *Package) (rtc.AOR, bool) {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil {
		return "", false
	}
	isSIP := u.Kind == sip.URISIP || u.Kind == sip.URISIPS
	if u.Kind != sip.URITel && !(isSIP && n.cfg.Users.Ours(u.Host, u.Port)) {
		return "", false
	}
	if m.Has(sip.HdrRoute) {
		if a, ok := m.TopRoute(); ok {
			if ru, err := sip.ParseURI(a.URI); err == nil && !n.cfg.Users.Ours(ru.Host, ru.Port) {
				return "", false // it goes elsewhere first
			}
		}
	}
	var room [128]byte
	address := rtc.AOR(u.AppendAOR(room[:0]))
	if u.Kind != sip.URITel {
		return address, true
	}
	if user, ok := n.cfg.Users.Resolve(address); ok || p == nil || p.Resource == nil {
		return user, ok
	}
	return p.Resource(address)
}

// oneDevice reports whether the Request-URI names a device, not a user (RFC 5627).
func (n *Notifier) oneDevice(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil {
		return false
	}
	_, gruu := u.Param("gr")
	return gruu
}

// badEvent is the answer to an event package that nobody here knows.
func (n *Notifier) badEvent() error {
	return &rtc.Status{Code: 489, Header: []byte("Allow-Events: " + n.allow + "\r\n")}
}

// who finds out who subscribes.
func (n *Notifier) who(r *rtc.Request, w *wish) error {
	if r.Identity == nil {
		if a, ok := r.From(); ok {
			if u, err := sip.ParseURI(a.URI); err == nil && n.cfg.Users.Ours(u.Host, u.Port) && n.cfg.Demand != nil {
				return n.cfg.Demand(r)
			}
		}
	}
	if r.Identity != nil && r.Identity.AOR != "" {
		w.watcher, w.proved = r.Identity.AOR, true
		return nil
	}
	a, ok := r.From()
	if p, asserted := r.FirstAddr(sip.HdrPAssertedIdentity); asserted && r.Identity != nil {
		a, ok = p, true
	}
	if !ok {
		return &rtc.Status{Code: 400, Reason: "Bad From"}
	}
	if u, err := sip.ParseURI(a.URI); err == nil {
		var room [128]byte
		w.watcher = rtc.AOR(u.AppendAOR(room[:0]))
		if own, ok := n.cfg.Users.Resolve(w.watcher); ok && r.Identity != nil {
			w.watcher = own
		}
	}
	w.proved = r.Identity != nil // a listener or a peer that is trusted says so
	return nil
}

// target finds what is subscribed to.
func (n *Notifier) target(m *sip.Message, w *wish, address rtc.AOR) error {
	for tag := range m.Values(sip.HdrRequire) {
		if !sip.EqualFold(tag, "eventlist") && !sip.EqualFold(tag, "recipient-list-subscribe") {
			return &rtc.Status{Code: 420, Header: []byte("Unsupported: " + string(tag) + "\r\n")}
		}
	}
	if err := n.listOf(m, w, address); err != nil || w.isList {
		return err
	}
	if m.HasToken(sip.HdrRequire, "eventlist") {
		return &rtc.Status{Code: 404, Reason: "No Such List"}
	}
	resolve := w.pkg.Resource
	if resolve == nil {
		resolve = n.cfg.Users.Resolve
	}
	var ok bool
	if w.resource, ok = resolve(address); !ok {
		return &rtc.Status{Code: 404}
	}
	return nil
}

// terms reads what the subscriber asks for, besides what he subscribes to.
func (n *Notifier) terms(m *sip.Message, w *wish) error {
	var err error
	if w.expires, err = w.pkg.asked(m); err != nil {
		return err
	}
	if w.kind, err = w.pkg.accepted(m); err != nil {
		return err
	}
	if len(m.Body()) > 0 && !w.isList {
		if w.pkg.Content == nil {
			return &rtc.Status{Code: 415, Reason: "No Body Is Understood Here", Header: []byte("Accept:\r\n")}
		}
		if err := w.pkg.Content(m); err != nil {
			return err
		}
	}
	w.rates.read(m, w.pkg)
	w.rates.within(w.expires)
	w.has = conditionOf(m)
	return nil
}

// asked is the duration a SUBSCRIBE gets, 0 when it is only a look.
func (p *Package) asked(m *sip.Message) (time.Duration, error) {
	return rtc.Lifetime{Default: p.Expires, Least: p.MinExpires, Longest: p.MaxExpires}.Asked(m)
}

// accepted is the type of documents a subscriber gets: the first of ours that
// has the highest place in his Accept lines.
func (p *Package) accepted(m *sip.Message) (uint8, error) {
	if !m.Has(sip.HdrAccept) || len(p.Types) == 0 || p.Types[0] == "" {
		return 0, nil
	}
	any := false
	for v := range m.Values(sip.HdrAccept) {
		t := sip.ParseParted(v).Value
		if k, ok := p.kind(t); ok {
			return k, nil
		}
		main, _, _ := strings.Cut(p.Types[0], "/")
		any = any || string(t) == "*/*" || sip.EqualFold(t, main+"/*")
	}
	if any {
		return 0, nil
	}
	return 0, &rtc.Status{Code: 406, Header: []byte("Accept: " + strings.Join(p.Types, ", ") + "\r\n")}
}
