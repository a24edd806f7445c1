// Package gateway is the SIP door of PINT: it takes INVITEs for services on (RFC
// 2848 §3.5), refuses with the Warning that says why, and leads the dialogs in which
// a service is stopped by BYE.
//
// It reads requests and writes answers. Whether a request is allowed, and what is
// done for it, is the executive's matter; who sent it, the gate's.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/status"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// allow are the methods of a service's dialog.
const allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, SUBSCRIBE, NOTIFY, UNSUBSCRIBE"

// The option tags of RFC 2848 §3.5.2 and §3.4.4.
var supported = []string{"org.ietf.sip.subscribe", "org.ietf.sdp.require"}

// Config of a Gateway.
type Config struct {
	Executive *executive.Executive
	Dialog    dialog.Config // Layer, Wire, Resolver, Permit, Key; the gateway fills in the rest
	// Ours reports whether a host is a domain or address of this server.
	Ours     func(host []byte, port uint16) bool
	Agent    string            // who warns: the default domain
	Contexts map[string]string // private phone-contexts, and what is dialled before their numbers
	// Onward passes requests on to the gateways that have registered for their service;
	// nil: there are none.
	Onward rtc.Handler
	// Record keeps who asked for what; done is told once when that is on disk. The error
	// says at once that no more is taken; then done is not told. Neither may be called on
	// a lane. nil keeps nothing.
	Record func(row Row, done func(error)) error
	Log    *slog.Logger
}

// Gateway is a handler of requests.
type Gateway struct {
	cfg    Config
	exec   *executive.Executive
	ua     *dialog.UA
	status *status.Server

	mu      sync.Mutex
	dialogs map[string]*dialog.Session // by session, those that live
	names   map[*dialog.Dialog]string  // the other way round
}

// New makes a gateway. It watches the executive.
func New(cfg Config) *Gateway {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{cfg: cfg, exec: cfg.Executive, dialogs: map[string]*dialog.Session{}, names: map[*dialog.Dialog]string{}}
	d := cfg.Dialog
	d.Allow, d.Supported, d.Log, d.User = allow, supported, cfg.Log, "pint"
	g.ua = dialog.New(d)
	g.status = status.New(status.Config{Sessions: cfg.Executive, UA: g.ua, Agent: cfg.Agent,
		Keep: int(cfg.Executive.Keep() / time.Second), Log: cfg.Log})
	cfg.Executive.Watch(g.changed)
	return g
}

// Run serves until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.status.Run(ctx) })
	err := g.ua.Run(ctx)
	wg.Wait()
	return err
}

// Restore goes on with the subscriptions of before a restart. It is called before the
// executive loads its sessions. flow revives flows.
func (g *Gateway) Restore(ctx context.Context, flow func(string) (transport.Flow, bool)) error {
	return g.status.Restore(ctx, flow)
}

// FlowClosed implements transaction.FlowWatcher.
func (g *Gateway) FlowClosed(f transport.Flow) { g.ua.FlowClosed(f) }

// Watching is how many subscriptions to sessions there are.
func (g *Gateway) Watching() int { return g.status.Watching() }

// Serve implements rtc.Handler.
func (g *Gateway) Serve(r *rtc.Request) error {
	if r.ToTag() != nil {
		return g.within(r)
	}
	switch {
	case string(r.MethodName()) == "UNSUBSCRIBE" && g.local(r.Message):
		return &rtc.Status{Code: 481} // there is no subscription outside a dialog
	case r.Method() == sip.INVITE && g.ours(r.Message):
		if g.brokered(r.Message) {
			return g.broker(r)
		}
		return g.invite(r)
	case r.Method() == sip.SUBSCRIBE && !r.Has(sip.HdrEvent) && g.local(r.Message):
		if !g.ours(r.Message) {
			return &rtc.Status{Code: 489} // RFC 6665 §4.2.1.3
		}
		if g.brokered(r.Message) {
			return g.cfg.Onward.Serve(r)
		}
		return g.status.Subscribe(r, nil, "")
	}
	return rtc.Next
}

// local reports whether a request is for this server.
func (g *Gateway) local(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI())
	return err == nil && u.Kind != sip.URITel && g.cfg.Ours(u.Host, u.Port)
}

// ours reports whether a request is PINT's: it is for a service of ours, or its
// description is of a telephone call to PINT.
func (g *Gateway) ours(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil || u.Kind == sip.URITel || !g.cfg.Ours(u.Host, u.Port) {
		return false
	}
	return g.exec.Services().Find(string(sip.AppendUnescaped(nil, u.User))) != nil || status.IsPINT(m)
}

// invite takes a request on. It is answered when the session, and who asked for it, are on
// disk.
func (g *Gateway) invite(r *rtc.Request) error {
	order, err := g.read(r)
	if err != nil {
		g.exec.Refused(order, err)
		return g.refuse(r, Row{Deed: Ask, Order: order, Refused: err})
	}
	name := rand.Text() // at which it can be watched
	in, err := g.ua.Receive(r, dialog.Inbound{Contactless: true, User: name, Events: g.events()})
	if err != nil {
		g.exec.Refused(order, err)
		return g.refuse(r, Row{Deed: Ask, Order: order, Refused: err})
	}
	s := in.Session
	order.Tag = s.ID().Local
	err = g.exec.AcceptAs(name, order, false, func(session pint.Session, err error) { g.kept(s, session, err) })
	if err != nil {
		g.reject(s, Row{Deed: Ask, Order: order, Refused: err})
	}
	return nil
}

// events are those of the dialog of a service.
func (g *Gateway) events() dialog.Events {
	return dialog.Events{
		Acked:   func(s *dialog.Session, _ *sip.Message) { g.exec.Confirm(id(s)) },
		Request: g.request,
		Ended:   g.ended,
	}
}

// id is the session that a dialog is of, "" while it is not on disk.
func id(s *dialog.Session) string { name, _ := s.User.(string); return name }

// kept goes on with an INVITE whose session is on disk, or cannot be.
func (g *Gateway) kept(s *dialog.Session, session pint.Session, err error) {
	if err != nil {
		g.reject(s, Row{Deed: Ask, Order: session.Order, Refused: err})
		return
	}
	g.record(Row{Deed: Ask, Order: session.Order, Session: &session}, func(lost error) {
		if lost != nil {
			g.cancel(session.ID, "server")
		}
		s.Do(func() { g.accept(s, session, lost) })
	})
}

// accept answers the INVITE of a session that is on disk and on record. It runs on the lane.
func (g *Gateway) accept(s *dialog.Session, session pint.Session, lost error) {
	if lost != nil {
		st := g.refusal(g.unrecorded(lost))
		_ = s.Reject(st.Code, dialog.Content{Header: st.Header}) // it may have been cancelled
		return
	}
	g.lead(s, session.ID)
	c := g.status.Document(&session) // RFC 2848 has no answer to an INVITE's description: it is given back
	c.Header = append(c.Header, g.expires()...)
	if s.Accept(c) != nil {
		g.withdrawn(session)
	}
}

// withdrawn ends a session whose INVITE was cancelled before it could be answered. The
// CANCEL has its answer already; what its row needs is known only now.
func (g *Gateway) withdrawn(session pint.Session) {
	g.forget(session.ID)
	g.record(Row{Deed: Stop, Order: session.Order, Session: &session}, func(lost error) {
		if lost != nil {
			g.tellLost(lost)
		}
		g.cancel(session.ID, "requester")
	})
}

// lead notes that a dialog is of a session. It is called on the lane.
func (g *Gateway) lead(s *dialog.Session, id string) {
	s.User = id
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dialogs[id], g.names[s.Dialog] = s, id
}

// expires says how long the session can be asked about (RFC 2848 §3.5.3).
func (g *Gateway) expires() []byte {
	return fmt.Appendf(nil, "Expires: %d\r\n", int(g.exec.Keep()/time.Second))
}

// refusal is an error as response.
func (g *Gateway) refusal(err error) *rtc.Status {
	var refused *pint.Refusal
	var st *rtc.Status
	switch {
	case errors.As(err, &refused):
		return refused.Status(g.cfg.Agent)
	case errors.As(err, &st):
		return st
	}
	return &rtc.Status{Code: 500, Err: err}
}

// request answers a re-INVITE and what else comes in a dialog.
func (g *Gateway) request(s *dialog.Session, in *dialog.Incoming) {
	if in.Method() == sip.INVITE {
		g.reinvite(s, in)
		return
	}
	in.Respond(405, dialog.Content{Header: []byte("Allow: " + allow + "\r\n")})
}

// ended is the end of a dialog: a BYE stops the service.
func (g *Gateway) ended(s *dialog.Session, e dialog.End) {
	name := id(s)
	g.forget(name)
	switch {
	case name == "":
	case e.Remote:
		g.cancel(name, "requester")
	case e.Reason == "no ack":
		g.cancel(name, "no ACK of the requester")
	}
}

func (g *Gateway) cancel(id, by string) {
	if err := g.exec.Cancel(id, by, nil); err != nil {
		g.cfg.Log.Debug("PINT session not cancelled", "session", id, "err", err)
	}
}

func (g *Gateway) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.dialogs[id]; s != nil {
		delete(g.names, s.Dialog)
		delete(g.dialogs, id)
	}
}

// within handles requests in dialogs.
func (g *Gateway) within(r *rtc.Request) error {
	unsubscribe := string(r.MethodName()) == "UNSUBSCRIBE"
	d := g.ua.Table().Find(r.Message)
	switch {
	case d == nil && unsubscribe && g.local(r.Message):
		return &rtc.Status{Code: 481}
	case d == nil:
		return g.withinLost(r, nil)
	case r.Method() == sip.INVITE:
		if _, leads := g.sessionOf(d); !leads {
			return g.withinLost(r, d)
		}
	case r.Method() == sip.BYE:
		switch session, leads := g.sessionOf(d); {
		case !leads: // it came back for its watchers alone
			return g.withinLost(r, d)
		case !d.Order(r):
			return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"}
		default:
			return g.bye(r, session, func() error { return g.ua.Serve(r) })
		}
	case r.Method() == sip.SUBSCRIBE && !r.Has(sip.HdrEvent) && !g.status.Watches(d):
		if by := g.requester(d); by != "" {
			if !d.Order(r) {
				return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"}
			}
			return g.status.Subscribe(r, d, by)
		}
	}
	return g.ua.Serve(r)
}

// bye stops a service, or says why it goes on, once it is on record who wanted that. What
// cannot be put on record is done all the same: it harms nobody.
func (g *Gateway) bye(r *rtc.Request, session pint.Session, answer func() error) error {
	r.Hold()
	refused := session.Stoppable()
	g.record(Row{Deed: Stop, Order: session.Order, Session: &session, Refused: refused}, func(lost error) {
		if lost != nil {
			g.tellLost(lost)
		}
		if refused != nil {
			r.Tx.Lane().Do(func() { g.keepOn(r, session, refused) })
			return
		}
		g.stop(r, session.ID, answer)
	})
	return nil
}

// stop cancels a service by a BYE, which is answered when no restart can begin the
// service any more.
func (g *Gateway) stop(r *rtc.Request, id string, answer func() error) {
	g.forget(id) // so that its end is told by no BYE of ours
	kept := func(err error) {
		if err != nil {
			r.Resume(&rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err})
			return
		}
		g.goOn(r, answer)
	}
	if g.exec.Cancel(id, "requester", kept) != nil { // it has ended meanwhile
		kept(nil)
	}
}

// goOn serves a held request on its lane. It must not be called on one.
func (g *Gateway) goOn(r *rtc.Request, serve func() error) {
	r.Tx.Lane().Do(func() {
		if err := serve(); err != nil {
			st := g.refusal(err)
			r.Respond(st.Code, st.Reason, st.Header)
		}
	})
}

// sessionOf is the session that a dialog is of.
func (g *Gateway) sessionOf(d *dialog.Dialog) (pint.Session, bool) {
	g.mu.Lock()
	name := g.names[d]
	g.mu.Unlock()
	return g.exec.Session(name)
}

func (g *Gateway) requester(d *dialog.Dialog) rtc.AOR {
	s, _ := g.sessionOf(d)
	return s.By
}

// keepOn refuses a BYE (RFC 2848 §3.5.8: 606 and the description).
func (g *Gateway) keepOn(r *rtc.Request, session pint.Session, why error) {
	refused := pint.Refuse(606, "%v", why)
	r.Tx.Respond(606, sip.AppendResponse(nil, r.Message, sip.Response{Code: 606, Header: refused.Lines(g.cfg.Agent),
		ContentType: "application/sdp", Body: status.Describe(&session)}))
}

// changed hears of every change of a session.
func (g *Gateway) changed(s pint.Session) {
	g.status.Changed(s)
	if s.Door != pint.SIP {
		return
	}
	g.mu.Lock()
	d := g.dialogs[s.ID]
	g.mu.Unlock()
	if d != nil && s.State.Final() {
		g.forget(s.ID)
		d.Do(func() { d.Bye(reason(&s)) })
	}
}

// reason tells why the gateway says BYE (RFC 3326).
func reason(s *pint.Session) []byte {
	b := fmt.Appendf(nil, "Reason: SIP;cause=%d;text=\"%s\"\r\n", s.Code, pint.Plain(s.Info))
	if s.Cause > 0 {
		b = fmt.Appendf(b, "Reason: Q.850;cause=%d\r\n", s.Cause)
	}
	return b
}
