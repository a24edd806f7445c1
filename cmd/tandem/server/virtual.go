package server

import (
	"context"
	"errors"
	"sync"
)

// RunVirtual starts what Run does, but nothing that waits for a socket: on a virtual
// clock, which stands still while a goroutine waits outside, tests put messages before
// the layer themselves (test/bubble). It returns at once; end ends and closes the server.
func (s *Server) RunVirtual() (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{s.layer.Run, s.resolver.Run, s.location.Run, s.messages.Run, s.events.Run,
		s.presence.Run, s.qualify, s.keepUse, s.watchHops, s.pint.door.Run} {
		all.Go(func() { _ = run(ctx) })
	}
	start := func(_ string, run func(context.Context) error) { all.Go(func() { _ = run(ctx) }) }
	endCalls, endRequests := startFirst(start, "", s.exchange.Run), startFirst(start, "", s.carryOut)
	return func() error {
		endRequests()
		endCalls()
		cancel()
		all.Wait()
		return errors.Join(s.transport.Run(ctx), s.location.KeepPromises(context.Background()), s.close()) // the first closes the sockets
	}
}
