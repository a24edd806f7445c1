package location

import "tandem/rtc"

// Store keeps bindings durably. Put replaces all bindings of an AOR (none:
// forget it); done is called once, from another goroutine, when the batch it
// went into is on disk or has failed. Order is kept per AOR. Put does not block
// and copies what it needs; when its queue is full it calls done with an error.
type Store interface {
	PutBindings(aor rtc.AOR, bindings []Binding, done func(error))
	LoadBindings(each func(aor rtc.AOR, bindings []Binding)) error
}
