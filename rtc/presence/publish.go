package presence

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/presence/pidf"
	"tandem/rtc/sip"
)

// Durations of publications (RFC 3903 §6, step 4).
const (
	usual    = time.Hour
	shortest = time.Minute
)

// Serve implements rtc.Handler: it takes PUBLISH for users of ours (RFC 3903 §6).
func (a *Agent) Serve(r *rtc.Request) error {
	if r.Method() != sip.PUBLISH || len(r.ToTag()) > 0 {
		return rtc.Next
	}
	u, perr := sip.ParseURI(r.RequestURI())
	if perr != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS || !a.cfg.Users.Ours(u.Host, u.Port) {
		return rtc.Next
	}
	if pkg, _ := r.Event(); string(pkg) != Name {
		return &rtc.Status{Code: 489, Header: []byte("Allow-Events: " + a.cfg.Notifier.Allowed() + "\r\n")}
	}
	var room [128]byte
	owner, ok := a.cfg.Users.Resolve(rtc.AOR(u.AppendAOR(room[:0])))
	if !ok && r.Identity != nil && r.Identity.Method == rtc.AuthTrusted {
		return &rtc.Status{Code: 404}
	}
	if err := a.own(r, owner); err != nil { // also for nobody: others do not learn who exists
		return err
	}
	return a.publish(r, owner)
}

// own checks that a user publishes for himself.
func (a *Agent) own(r *rtc.Request, owner rtc.AOR) error {
	switch {
	case r.Identity == nil:
		return &rtc.Status{Code: 403}
	case r.Identity.AOR == "" && r.Identity.Method == rtc.AuthTrusted && r.Identity.Peer == "": // the listener says that From is true
		from, _ := r.From()
		if u, err := sip.ParseURI(from.URI); err == nil {
			var room [128]byte
			if aor, ok := a.cfg.Users.Resolve(rtc.AOR(u.AppendAOR(room[:0]))); ok && aor == owner {
				return nil
			}
		}
	case r.Identity.AOR == owner:
		return nil
	}
	return &rtc.Status{Code: 403, Reason: "Only the User Himself May Publish"}
}

// change is what a PUBLISH asks for.
type change struct {
	match   string // the entity tag, "" for a new publication
	expires time.Duration
	body    []byte
	doc     *pidf.Document // of body
	partial bool           // body is pidf-diff (RFC 5264); doc follows when it is known what it is about
}

func (a *Agent) publish(r *rtc.Request, owner rtc.AOR) error {
	c, err := a.read(r.Message)
	if err != nil {
		return err
	}
	if c.match == "" {
		return a.begin(r, owner, c)
	}
	return a.renew(r, owner, c)
}

// read checks a PUBLISH, in the order of RFC 3903 §6.
func (a *Agent) read(m *sip.Message) (c change, err error) {
	if n := m.Count(sip.HdrSIPIfMatch); n > 1 {
		return c, &rtc.Status{Code: 400, Reason: "More Than One SIP-If-Match"}
	}
	c.match = string(bytes.TrimSpace(m.Get(sip.HdrSIPIfMatch)))
	if m.Has(sip.HdrSIPIfMatch) && c.match == "" {
		return c, &rtc.Status{Code: 400, Reason: "Bad SIP-If-Match"}
	}
	if c.expires, err = (rtc.Lifetime{Default: usual, Least: shortest, Longest: usual}).Asked(m); err != nil {
		return c, err
	}
	if c.body = m.Body(); len(c.body) == 0 {
		if c.match == "" {
			return c, &rtc.Status{Code: 400, Reason: "A New Publication Needs a Body"}
		}
		return c, nil
	}
	t := sip.ParseParted(m.Get(sip.HdrContentType)).Value
	c.partial = sip.EqualFold(t, pidf.DiffType)
	if !c.partial && !sip.EqualFold(t, pidf.Type) || encoded(m) {
		return c, &rtc.Status{Code: 415, Header: []byte("Accept: " + pidf.Type + ", " + pidf.DiffType + "\r\nAccept-Encoding: identity\r\n")}
	}
	if len(c.body) > a.cfg.BodyBytes {
		return c, &rtc.Status{Code: 413}
	}
	if c.partial && c.match != "" {
		return c, nil
	}
	if c.partial {
		err = a.patch(&c, nil)
		return c, err
	}
	if c.doc, err = pidf.Parse(c.body); err != nil {
		return c, &rtc.Status{Code: 400, Reason: "Bad Presence Document", Err: err}
	}
	return c, nil
}

// patch makes a whole document of a partial one, on the one before.
func (a *Agent) patch(c *change, before []byte) error {
	body, err := pidf.Patch(before, c.body)
	if err == nil {
		c.doc, err = pidf.Parse(body)
	}
	switch {
	case err != nil:
		return &rtc.Status{Code: 400, Reason: "Invalid Partial Publication", Err: err} // RFC 5264 §4.3.2
	case len(body) > a.cfg.BodyBytes:
		return &rtc.Status{Code: 413}
	}
	c.body = body
	return nil
}

func encoded(m *sip.Message) bool {
	v := m.Get(sip.HdrContentEncoding)
	return v != nil && !sip.EqualFold(v, "identity")
}

// begin takes a new publication.
func (a *Agent) begin(r *rtc.Request, owner rtc.AOR, c change) error {
	now := time.Now()
	p := &publication{id: strings.ToLower("p" + rand.Text()[:12]), owner: owner, doc: c.doc, body: bytes.Clone(c.body), kind: pidf.Type,
		from: string(r.Get(sip.HdrUserAgent)), flow: r.Flow(), since: now, until: now.Add(c.expires)}
	if c.expires == 0 {
		a.answer(r, p, 0) // published and over at once
		return nil
	}
	full := false
	a.states.look(owner, func(st *state) { full = len(st.published) >= a.cfg.Publications })
	if full {
		return &rtc.Status{Code: 403, Reason: "Too Many Publications of This User"}
	}
	return a.put(r, p, c.expires, true, func() bool {
		a.states.change(owner, func(st *state) { st.published = append(st.published, p) })
		return true
	})
}

// renew refreshes, changes or removes a publication.
func (a *Agent) renew(r *rtc.Request, owner rtc.AOR, c change) error {
	id, number, ok := strings.Cut(c.match, ".")
	n, err := strconv.ParseUint(number, 36, 64)
	if !ok || err != nil {
		return &rtc.Status{Code: 412}
	}
	now := time.Now()
	var old, fresh *publication
	var bad error
	a.states.look(owner, func(st *state) {
		i := slices.IndexFunc(st.published, func(p *publication) bool { return p.id == id })
		if i < 0 {
			return
		}
		p := st.published[i]
		if !p.until.After(now) || n != p.count {
			return
		}
		old = p
		if c.partial {
			if bad = a.patch(&c, p.body); bad != nil {
				return
			}
		}
		q := *p
		q.count, q.until, q.flow = n+1, now.Add(c.expires), r.Flow()
		if c.doc != nil {
			q.doc, q.body, q.since = c.doc, bytes.Clone(c.body), now
		}
		fresh = &q
	})
	switch {
	case old == nil:
		return &rtc.Status{Code: 412} // RFC 3903 §6 step 2
	case bad != nil:
		return bad
	case c.expires == 0:
		return a.remove(r, old)
	}
	news := fresh.doc != old.doc || old.flow.IsZero()
	return a.put(r, fresh, c.expires, news, func() bool { return a.replace(old, fresh) })
}

// replace puts a publication in place of the one before; false when that has
// been changed or has ended meanwhile.
func (a *Agent) replace(old, fresh *publication) (done bool) {
	a.states.look(old.owner, func(st *state) {
		if i := slices.Index(st.published, old); i >= 0 {
			st.published[i], done = fresh, true
		}
	})
	return done
}

// put writes a publication and answers when it is on disk and apply has shown
// it; when that was too late the answer is 412. news: watchers may see something new.
func (a *Agent) put(r *rtc.Request, p *publication, expires time.Duration, news bool, apply func() bool) error {
	ok := a.promise(r, p, expires)
	err := a.cfg.Store.Put(p.stored(), func(err error) {
		if err != nil {
			ok.Break(busy(err))
			return
		}
		if !apply() {
			ok.Break(&rtc.Status{Code: 412})
			return
		}
		ok.Lane().Soon(ok.Keep)
		if news {
			a.Changed(p.owner)
		}
	})
	if err != nil {
		return busy(err)
	}
	return nil
}

func (a *Agent) remove(r *rtc.Request, p *publication) error {
	ok := a.promise(r, p, 0)
	err := a.cfg.Store.Delete(p.id, func(err error) {
		if err != nil {
			ok.Break(busy(err))
			return
		}
		a.states.change(p.owner, func(st *state) {
			st.published = slices.DeleteFunc(slices.Clone(st.published), func(q *publication) bool { return q.id == p.id })
		})
		ok.Lane().Soon(ok.Keep)
		a.Changed(p.owner)
	})
	if err != nil {
		return busy(err)
	}
	return nil
}

func busy(err error) error {
	return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err}
}

// answer sends the 200 at once.
func (a *Agent) answer(r *rtc.Request, p *publication, expires time.Duration) {
	var room [96]byte
	r.Respond(200, "", p.appendTerms(room[:0], expires))
}

// promise writes the 200, which waits for the disk.
func (a *Agent) promise(r *rtc.Request, p *publication, expires time.Duration) *rtc.Promise {
	var room [96]byte
	var tag [16]byte // in place: converting it below does not allocate
	return r.Promise(sip.Response{Code: 200, ToTag: string(rtc.AppendToTag(tag[:0], r.Message)), Header: p.appendTerms(room[:0], expires)})
}

// appendTerms writes the header of a 200: the entity tag that counts from now on, and
// for how long.
func (p *publication) appendTerms(b []byte, expires time.Duration) []byte {
	b = append(append(append(b, "SIP-ETag: "...), p.id...), '.')
	b = append(strconv.AppendUint(b, p.count, 36), "\r\nExpires: "...)
	return append(strconv.AppendInt(b, int64(expires/time.Second), 10), "\r\n"...)
}

func (p *publication) stored() Stored {
	st := Stored{ID: p.id, Owner: p.owner, Type: p.kind, Body: p.body, From: p.from, Since: p.since, Until: p.until, Count: p.count}
	if !p.flow.IsZero() && !p.flow.Proto().Stream() { // a connection ends with the process
		st.Flow = p.flow.String()
	}
	return st
}
