package status

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"tandem/pint"
	"tandem/rtc/dialog"
	"tandem/rtc/transport"
)

// ahead is how many requests a subscription may have sent since it was written: sequence
// numbers go on behind them (RFC 3261 §12.2.1.1).
const ahead = 1000

// key names a watcher in the store.
func (w *watcher) key() string { return w.session + " " + w.ID().CallID + " " + w.ID().Local }

// keep writes a watcher; done is told, on the lane, when it is on disk or cannot be.
func (w *watcher) keep(done func(error)) {
	stored := w.Stored()
	text, err := json.Marshal(stored)
	if err == nil {
		err = w.server.cfg.Sessions.Store().PutWatch(pint.Watch{ID: w.key(), Session: w.session, By: w.by, Until: w.until.UTC().Truncate(time.Millisecond), Dialog: text},
			func(err error) { w.Lane().Do(func() { done(err) }) })
	}
	if err != nil {
		done(err)
	}
}

// drop forgets a watcher in the store.
func (w *watcher) drop() {
	if w.server.closing.Load() { // what cannot be told any more is told after the restart
		return
	}
	lost := func(err error) {
		if err != nil {
			w.server.cfg.Log.Warn("an ended subscription to a PINT session stays in the store", "session", w.session, "err", err)
		}
	}
	if err := w.server.cfg.Sessions.Store().DeleteWatch(w.key(), lost); err != nil {
		lost(err)
	}
}

// Restore goes on with the subscriptions of before a restart, before anything happens to
// sessions again. flow revives flows.
func (s *Server) Restore(ctx context.Context, flow func(string) (transport.Flow, bool)) error {
	var list []pint.Watch
	if err := s.cfg.Sessions.Store().Watches(ctx, func(w pint.Watch) { list = append(list, w) }); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, kept := range list {
		var stored dialog.Stored
		if err := json.Unmarshal(kept.Dialog, &stored); err != nil {
			s.cfg.Log.Error("a subscription to a PINT session cannot be read", "session", kept.Session, "err", err)
			continue
		}
		wg.Add(1)
		s.cfg.UA.Lane(stored.CallID).Do(func() {
			defer wg.Done()
			s.revive(kept, stored, flow)
		})
	}
	wg.Wait()
	return nil
}

// revive makes the watcher of what was kept. It runs on the lane.
func (s *Server) revive(kept pint.Watch, stored dialog.Stored, flow func(string) (transport.Flow, bool)) {
	w := &watcher{server: s, session: kept.Session, by: kept.By, until: kept.Until}
	left := time.Until(kept.Until)
	f, _ := flow(stored.Flow)
	stored.LocalSeq += ahead
	d, err := s.cfg.UA.Restore(stored, f)
	if err != nil {
		d = s.cfg.UA.Table().Match([]byte(stored.CallID), []byte(stored.Local), []byte(stored.Remote)) // another watcher's
	}
	if d == nil || !s.entered(w, d) {
		return
	}
	if left <= 0 {
		w.expire()
		return
	}
	w.expiry = w.Lane().After(left, w.expire)
	w.keep(func(err error) {
		if err != nil {
			s.cfg.Log.Warn("a subscription to a PINT session is not kept", "session", w.session, "err", err)
		}
	})
}

// entered makes a watcher one of a dialog; false when there are too many.
func (s *Server) entered(w *watcher, d *dialog.Dialog) bool {
	w.Dialog = d
	if !s.add(w) {
		return false
	}
	d.Attach(w)
	return true
}
