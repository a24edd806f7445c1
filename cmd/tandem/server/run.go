package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tandem/cmd/tandem/process"
)

// Run serves until ctx ends, then drains: no new connections, not ready any
// more, transactions under way may end within the drain limit. A second
// cancellation is not needed: Stop ends the wait.
func (s *Server) Run(ctx context.Context) error {
	run, stop := context.WithCancel(context.Background())
	defer stop()
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	start := func(name string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(run); err != nil && !errors.Is(err, context.Canceled) {
				errs <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start("transactions", s.layer.Run)
	start("resolver", s.resolver.Run)
	start("peers", s.peers.Run)
	start("location", s.location.Run)
	start("transport", s.transport.Run)
	for _, r := range rooms() {
		if r.run != nil {
			start(r.name, func(ctx context.Context) error { return r.run(s, ctx) })
		}
	}
	start("control socket", s.control.Run)
	start("API over HTTPS", s.remote.Run)
	start("http", s.health.Run)
	endCalls := startFirst(start, "telephony", s.exchange.Run)
	endRequests := startFirst(start, "click-to-call", s.carryOut)
	start("systemd", func(ctx context.Context) error { return process.Notify(ctx, s.log) })
	start("store", s.watchStore)
	start("next hops", s.watchHops)
	start("last use of secrets", s.keepUse)
	start("memory", func(ctx context.Context) error {
		return process.KeepMemory(ctx, s.location.Count, s.settle)
	})
	s.log.Info("serving", "listen", s.listening(), "domains", s.directory.Domains(), "users", s.directory.Count(), "bindings", s.location.Count())
	var err error
	select {
	case <-ctx.Done():
		s.await()
	case err = <-errs:
	}
	endRequests()
	endCalls()
	s.farewell()
	s.presence.Close()
	stop()
	wg.Wait()
	if lost := s.location.KeepPromises(context.WithoutCancel(ctx)); lost != nil { // the bindings are not
		s.log.Warn("after the next start some registrations will be listed with an end that is too late", "err", lost)
	}
	err = errors.Join(err, s.close())
	s.log.Info("stopped")
	return err
}

// settle makes what is kept smaller when all is quiet.
func (s *Server) settle() {
	s.state.Events.Settle()
	s.directory.Settle()
}

// startFirst starts what ends before everything else, while there are sockets to
// say BYE by, and a store to record it: end returns when it has ended.
func startFirst(start func(string, func(context.Context) error), name string, run func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	start(name, func(context.Context) error {
		defer close(ended)
		return run(ctx)
	})
	return func() {
		cancel()
		<-ended
	}
}

// keepUse writes down now and then which secrets were used, and at the end.
func (s *Server) keepUse(ctx context.Context) error {
	t := time.NewTicker(15 * time.Minute)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.directory.KeepUse(context.WithoutCancel(ctx), time.Minute)
		case <-t.C:
			if err := s.directory.KeepUse(ctx, time.Hour); err != nil {
				s.log.Warn("keeping the last use of secrets", "err", err)
			}
		}
	}
}

// await drains.
func (s *Server) await() {
	s.drain.Store(true)
	s.transport.Drain()
	limit := s.cfg.Load().Limits.Drain
	s.log.Info("draining", "transactions", s.layer.Active(), "limit", limit)
	end := time.Now().Add(limit)
	if s.cfg.Load().Events.Deactivate {
		ctx, cancel := context.WithDeadline(context.Background(), end)
		defer cancel()
		if left := s.events.Drain(ctx); left > 0 {
			s.log.Warn("some subscribers did not answer the NOTIFY that ends their subscription", "subscriptions", left)
		}
	}
	for s.layer.Active() > 0 && time.Now().Before(end) && s.drain.Load() {
		time.Sleep(50 * time.Millisecond)
	}
}

// farewell gives those who watched something that ended with the calls, such as a
// conference, time to be told. It waits T1 at most (RFC 3261 §17.1.1.1).
func (s *Server) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	s.events.Farewell(ctx)
}

// Stop ends draining at once.
func (s *Server) Stop() { s.drain.Store(false) }

// close ends what Run does not: the store last, when nothing can be written any more.
func (s *Server) close() error {
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	if s.remote != nil {
		errs = append(errs, s.remote.Close())
	}
	if s.health != nil {
		errs = append(errs, s.health.Close())
	}
	if s.phones != nil {
		errs = append(errs, s.phones.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
