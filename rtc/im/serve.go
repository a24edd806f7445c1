package im

import (
	"fmt"
	"hash/maphash"
	"strconv"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Serve implements rtc.Handler. It takes every MESSAGE to a user of ours that
// is in no dialog.
func (im *IM) Serve(r *rtc.Request) error {
	if r.Method() != sip.MESSAGE || r.ToTag() != nil || r.Has(sip.HdrProxyRequire) {
		return rtc.Next
	}
	to, ok := im.receiver(r)
	if !ok {
		return rtc.Next
	}
	f := im.flight()
	f.to, f.instance, f.secure, f.from = to.aor, to.instance, to.secure, sender(r)
	if id := r.Identity; id != nil {
		f.proved, f.paced = true, id.AOR != "" && id.Peer == ""
		f.asserts = id.Peer != "" && id.Rights.Has(rtc.Asserts) || id.Method == rtc.AuthTrusted
	}
	if n, ok := r.MaxForwards(); ok {
		f.hops = n - 1
	}
	if f.hops < 0 { // RFC 3261 §16.3
		f.end()
		return &rtc.Status{Code: 483}
	}
	f.kind = kindOf(r.Message)
	if err := im.admit(f, len(r.Body()), r.Arrived()); err != nil {
		f.end()
		return err
	}
	f.tx, f.lane, f.live = r.Tx, r.Tx.Lane(), r.Message
	f.key = im.keyHash(r.Message)
	im.archived(f, f.beginFunc)
	if f.ended {
		f.end()
		return nil
	}
	f.outlive()
	return nil
}

// admit finds out whether a message of so many octets is taken. The error is the
// answer. Who may not write at all is told that first: no limit is to tell him that
// his receiver exists.
func (im *IM) admit(f *flight, octets int, now time.Time) error {
	if err := im.rule(f, now); err != nil {
		return err
	}
	if err := im.limit(f, octets, now); err != nil {
		im.counts.refused.Add(1)
		return err
	}
	if f.kind == fleeting && !f.dropped { // programs get messages from the mailbox, where it will not be
		im.cfg.Tell(Event{Kind: "typing", To: f.to, From: f.from})
	}
	return nil
}

// rule asks who may write to whom.
func (im *IM) rule(f *flight, now time.Time) error {
	switch im.cfg.Rule(Ask{f.from, f.to, f.proved, f.kind == notice}) {
	case Refuse:
		im.counts.refused.Add(1)
		if !f.paced || im.rate(f.from, now) <= 0 { // who goes on and on drives no other events out
			im.cfg.Tell(Event{Kind: "refused", To: f.to, From: f.from})
		}
		return notFound() // as if there were no such user
	case Drop:
		f.dropped = true
	case Hold:
		if f.kind == fleeting {
			return notFound()
		}
		f.held = true
	}
	return nil
}

// limit refuses a message that is too long, and more than a sender may send.
func (im *IM) limit(f *flight, octets int, now time.Time) error {
	if octets > im.cfg.MaxBody {
		return &rtc.Status{Code: 413, Reason: fmt.Sprintf("Message Too Large (At Most %d Octets)", im.cfg.MaxBody),
			Header: fmt.Appendf(nil, "Warning: 399 tandem \"body has %d octets, at most %d are taken\"\r\n", octets, im.cfg.MaxBody)}
	}
	if f.paced {
		return im.hurry(f.from, now)
	}
	return nil
}

// notFound is what the proxy answers when there is no such user.
func notFound() *rtc.Status { return &rtc.Status{Code: 404} }

// target is whom a Request-URI means.
type target struct {
	aor      rtc.AOR
	instance string // of a GRUU
	secure   bool
}

// receiver finds the user a request is for; not ok: it is not for us. Every
// Route must be ours and say no more than that.
func (im *IM) receiver(r *rtc.Request) (t target, ok bool) {
	u, err := r.Target()
	if err != nil {
		return t, false
	}
	if r.Has(sip.HdrRoute) {
		for v := range r.Values(sip.HdrRoute) {
			a, err := sip.ParseNameAddr(v)
			if err != nil {
				return t, false
			}
			if u, err := sip.ParseURI(a.URI); err != nil || u.User != nil || !im.cfg.Users.Ours(u.Host, u.Port) {
				return t, false
			}
		}
	}
	var buf [128]byte
	var asker rtc.AOR
	if r.Identity != nil {
		asker = r.Identity.AOR
	}
	switch u.Kind {
	case sip.URITel:
		t.aor, ok = im.cfg.Users.ResolveFrom(asker, rtc.AOR(u.AppendAOR(buf[:0])))
		return t, ok
	case sip.URISIP, sip.URISIPS:
	default:
		return t, false
	}
	if _, maddr := u.Param("maddr"); maddr || u.User == nil {
		return t, false
	}
	if !im.cfg.Users.Domain(u.Host) { // an address of ours stands for the domain
		if !im.cfg.Users.Ours(u.Host, u.Port) {
			return t, false
		}
		u.Host = []byte(im.cfg.Domain)
	}
	t.secure = u.Kind == sip.URISIPS
	if gr, is := u.Param("gr"); is { // RFC 5627 §3.1
		if len(gr) == 0 {
			if im.cfg.TempGRUU == nil {
				return t, false
			}
			t.aor, t.instance, ok = im.cfg.TempGRUU(u)
			return t, ok
		}
		t.instance = string(sip.AppendUnescaped(nil, gr))
	}
	u.Port = 0
	t.aor, ok = im.cfg.Users.ResolveFrom(asker, rtc.AOR(u.AppendAOR(buf[:0])))
	return t, ok
}

// sender is who wrote a request: whom the gate knows, else who its From names.
func sender(r *rtc.Request) rtc.AOR {
	if id := r.Identity; id != nil && id.AOR != "" {
		return id.AOR
	}
	u, err := r.FromURI()
	if err != nil {
		return ""
	}
	var buf [128]byte
	return rtc.AOR(u.AppendAOR(buf[:0]))
}

// keyHash is keyOf for the process, without allocation.
func (im *IM) keyHash(m *sip.Message) uint64 {
	h := maphash.Bytes(im.seed, m.CallID())
	h = h<<21 ^ h>>43 ^ maphash.Bytes(im.seed, m.FromTag())
	return h<<21 ^ h>>43 ^ maphash.Bytes(im.seed, m.Get(sip.HdrCSeq))
}

// bucket is what a sender may still send.
type bucket struct {
	left float64
	at   time.Time
}

// hurry refuses more messages than a sender may send.
func (im *IM) hurry(from rtc.AOR, now time.Time) error {
	wait := im.rate(from, now)
	if wait <= 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	return &rtc.Status{Code: 503, Reason: "Too Many Messages", Header: append(strconv.AppendInt([]byte("Retry-After: "), seconds, 10), "\r\n"...)}
}

// rate takes one message off what a sender may send, or tells how long to wait.
func (im *IM) rate(from rtc.AOR, now time.Time) time.Duration {
	if im.cfg.Rate < 0 {
		return 0
	}
	s := im.of(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.rates[from]
	if !ok {
		b.left = float64(im.cfg.Burst)
	} else if d := now.Sub(b.at); d > 0 {
		b.left = min(float64(im.cfg.Burst), b.left+im.cfg.Rate*d.Seconds())
	}
	b.at = now
	if b.left < 1 {
		s.rates[from] = b
		return time.Duration((1 - b.left) / im.cfg.Rate * float64(time.Second))
	}
	b.left--
	s.rates[from] = b
	return 0
}

// rested forgets senders who may send all they ever may. Locked.
func (s *shard) rested(rate float64, burst int, now time.Time) {
	for from, b := range s.rates {
		if b.left+rate*now.Sub(b.at).Seconds() >= float64(burst) {
			delete(s.rates, from)
		}
	}
}
