// Package status tells how PINT sessions do: to those who have asked by PINT's own
// SUBSCRIBE, which has no Event and names the session by the o= line of its
// description (RFC 2848 §3.5.3).
//
// RFC 6665 §4.2.3 has a notifier take such a SUBSCRIBE as PINT's. Who asks must be
// who asked for the service; everybody else is told what is told of a session that
// nobody knows. The first NOTIFY follows the 200, one for each change of the
// session comes after it, in order.
package status

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"tandem/pint"
	"tandem/pint/sdp"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// Sessions are those that can be asked about.
type Sessions interface {
	// ByOrigin finds one that has not ended by its requester and o= line.
	ByOrigin(by rtc.AOR, origin string) (pint.Session, bool)
	// Session finds one that has not ended by its ID.
	Session(id string) (pint.Session, bool)
	// Store has those that have ended.
	Store() pint.Store
}

// Config of a Server.
type Config struct {
	Sessions Sessions
	UA       *dialog.UA
	Agent    string // who warns: a host name
	Keep     int    // seconds for which ended sessions can be asked about
	Watchers int    // at most in all; default 20,000
	Log      *slog.Logger
}

// Server answers SUBSCRIBE and UNSUBSCRIBE, and sends NOTIFY.
type Server struct {
	cfg  Config
	read chan func(context.Context) // look-ups in the store

	closing atomic.Bool

	mu       sync.Mutex
	watchers map[string][]*watcher  // by session
	dialogs  map[*dialog.Dialog]int // how many watchers it has
	count    int
}

// New makes a server without watchers.
func New(cfg Config) *Server {
	if cfg.Watchers <= 0 {
		cfg.Watchers = 20_000
	}
	return &Server{cfg: cfg, read: make(chan func(context.Context), 64), watchers: map[string][]*watcher{}, dialogs: map[*dialog.Dialog]int{}}
}

// Run looks sessions up that have ended, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			s.closing.Store(true)
			return nil
		case f := <-s.read:
			f(ctx)
		}
	}
}

// forgotten is the answer about a session that is not known, or is of somebody
// else (RFC 2848 §3.5.3.3).
func (s *Server) forgotten() *rtc.Status {
	return (&pint.Refusal{Code: 606, Warn: 307, Text: "session id no longer valid"}).Status(s.cfg.Agent)
}

// Subscribe answers a SUBSCRIBE without Event whose session description is PINT's.
// trusted is the requester's address when the request came in a dialog of theirs.
func (s *Server) Subscribe(r *rtc.Request, d *dialog.Dialog, trusted rtc.AOR) error {
	by := trusted
	if by == "" && r.Identity != nil {
		by = r.Identity.AOR
	}
	part, ok := r.FindPart("application/sdp") // others are ignored, RFC 2848 §3.5.3.1
	if !ok {
		return pint.Refuse(400, "the body must be the session description of the INVITE").Status(s.cfg.Agent)
	}
	desc, err := sdp.Parse(part.Body)
	if err != nil {
		return pint.Refuse(400, "%v", err).Status(s.cfg.Agent)
	}
	if by == "" {
		return s.forgotten()
	}
	origin := desc.Origin.Key()
	if found, ok := s.cfg.Sessions.ByOrigin(by, origin); ok {
		return s.accept(r, d, &found)
	}
	r.Hold()
	look := func(ctx context.Context) {
		found, ok, err := s.cfg.Sessions.Store().Origin(ctx, by, origin)
		r.Tx.Lane().Do(func() {
			switch {
			case err != nil:
				r.Respond(503, "", []byte("Retry-After: 5\r\n"))
			case !ok:
				refuse(r, s.forgotten())
			default:
				if err := s.accept(r, d, &found); err != nil {
					refuse(r, err)
				}
			}
		})
	}
	select {
	case s.read <- look:
		return nil
	default:
		return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n")}
	}
}

// accept makes or renews the subscription to a session. It runs on the lane.
func (s *Server) accept(r *rtc.Request, d *dialog.Dialog, found *pint.Session) error {
	expires := uint32(s.cfg.Keep)
	if n, ok := r.Expires(); ok {
		expires = min(n, expires)
	}
	w := s.watcherIn(found.ID, d)
	if w == nil {
		if d == nil {
			var err error
			if d, err = s.cfg.UA.NewServer(r, dialog.Inbound{Contactless: true}); err != nil {
				return err
			}
			if err := d.Enter(); err != nil {
				return err
			}
			d.Confirm()
		}
		w = &watcher{server: s, session: found.ID, by: found.By}
		if !s.entered(w, d) {
			return &rtc.Status{Code: 503, Header: []byte("Retry-After: 60\r\n")}
		}
	}
	w.answer(r, found, expires)
	return nil
}

// watcherIn is the watcher of a session in a dialog, nil when there is none.
func (s *Server) watcherIn(id string, d *dialog.Dialog) *watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watchers[id] {
		if w.Dialog == d {
			return w
		}
	}
	return nil
}

func (s *Server) add(w *watcher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= s.cfg.Watchers || len(s.watchers[w.session]) >= 16 {
		return false
	}
	s.count++
	s.dialogs[w.Dialog]++
	s.watchers[w.session] = append(s.watchers[w.session], w)
	return true
}

func (s *Server) remove(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.watchers[w.session]
	for i := range list {
		if list[i] == w {
			list = append(list[:i:i], list[i+1:]...)
			s.count--
			if s.dialogs[w.Dialog]--; s.dialogs[w.Dialog] == 0 {
				delete(s.dialogs, w.Dialog)
			}
			break
		}
	}
	if s.watchers[w.session] = list; len(list) == 0 {
		delete(s.watchers, w.session)
	}
}

// Changed tells those who watch a session. It is called for one change after the
// other, on no lane.
func (s *Server) Changed(session pint.Session) {
	s.mu.Lock()
	list := append([]*watcher(nil), s.watchers[session.ID]...)
	s.mu.Unlock()
	if len(list) == 0 {
		return
	}
	c := s.Document(&session)
	for _, w := range list {
		w.Lane().Do(func() { w.tell(len(session.Events), c) })
	}
}

// Watching is how many subscriptions there are.
func (s *Server) Watching() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Document is the description of a session with what is known of it: t= is when it
// began and ended, i= how it does (RFC 2848 §3.5.3.2).
func (s *Server) Document(session *pint.Session) dialog.Content {
	c := dialog.Content{Type: "application/sdp", Body: Describe(session)}
	if session.State == pint.Failed {
		c.Header = (&pint.Refusal{Text: session.Info}).Lines(s.cfg.Agent)
	}
	return c
}

// Describe writes the description of a session as it is now.
func Describe(session *pint.Session) []byte {
	d, err := sdp.Parse([]byte(session.Description))
	if err != nil {
		return []byte(session.Description)
	}
	d.Info = session.Info
	if !session.Started.IsZero() {
		d.SetTimes(session.Started, session.Ended)
	}
	return d.Append(nil)
}

// IsPINT reports whether a body describes a telephone call to PINT: it has an
// address of the network TN.
func IsPINT(m *sip.Message) bool {
	part, ok := m.FindPart("application/sdp")
	if !ok {
		return false
	}
	for line := range bytes.SplitSeq(part.Body, []byte("\n")) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("c=")) {
			f := bytes.Fields(line[2:])
			if len(f) > 0 && bytes.EqualFold(f[0], []byte("TN")) {
				return true
			}
		}
	}
	return false
}

// Watches reports whether somebody watches a session in a dialog.
func (s *Server) Watches(d *dialog.Dialog) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialogs[d] > 0
}
