package location

import (
	"context"
	"iter"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Store keeps bindings durably.
//
// PutBindings replaces all bindings of an AOR (none: forget it). It does not
// block and copies what it needs. number is what the Store called the AOR when it
// was put or loaded before, 0 at first; it returns the one to name next time. It is
// of use until the AOR is forgotten: where a row stands is quicker found by a number
// than by a name. When it takes the change, done is called once,
// from another goroutine, when the batch it went into is on disk or has failed;
// when it cannot take it (its queue is full) it returns an error and never calls
// done. Order is kept per AOR.
//
// LoadBindings calls each for every AOR kept. flow revives a flow that a binding
// was stored with (transport.Transport.ParseFlow); nil revives none. AORs whose
// bindings have all ended may be left out.
//
// KeepPromises replaces the promises kept by those that all yields. LoadPromises
// calls each, which must not keep the list, for every AOR that has some. They are true of
// the moment the server ended: ForgetPromises forgets them, durably, before it returns.
//
// Package storetest checks an implementation.
type Store interface {
	PutBindings(aor rtc.AOR, number int64, bindings []Binding, done func(error)) (int64, error)
	LoadBindings(flow func(string) (transport.Flow, bool), each func(aor rtc.AOR, number int64, bindings []Binding)) error
	KeepPromises(ctx context.Context, all iter.Seq2[rtc.AOR, []Promise]) error
	LoadPromises(ctx context.Context, each func(aor rtc.AOR, all []Promise)) error
	ForgetPromises(ctx context.Context) error
}
