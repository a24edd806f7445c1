package harness

import (
	"context"
	"testing"
	"time"

	"tandem/cmd/tandem/softphone"
)

// Endpoint is a registered phone of an independent stack.
type Endpoint struct {
	*softphone.Phone
	Calls chan *softphone.Incoming
	texts chan softphone.Message
	leave chan struct{} // lets the handler of a call return
}

// Endpoint starts a phone and registers it.
func (r *Rig) Endpoint(t *testing.T, user, proto string) *Endpoint {
	t.Helper()
	e := &Endpoint{Calls: make(chan *softphone.Incoming, 4), texts: make(chan softphone.Message, 4), leave: make(chan struct{})}
	cfg := softphone.Config{User: user, Domain: Domain, Password: Password, Server: r.Addr[proto].String(), Proto: proto,
		OnMessage: func(m softphone.Message) { e.texts <- m },
		OnCall: func(in *softphone.Incoming) {
			e.Calls <- in
			select { // the call lives as long as its handler
			case <-in.Done():
			case <-e.leave:
			}
		}}
	if proto == "tls" || proto == "wss" {
		cfg.TLS = r.TLS()
	}
	var err error
	if e.Phone, err = softphone.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(e.leave); _ = e.Close() })
	if _, err := e.Register(Soon(t), 2*time.Minute); err != nil {
		t.Fatalf("%s registers over %s: %v", user, proto, err)
	}
	return e
}

// Soon bounds one step.
func Soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

func (e *Endpoint) Call(t *testing.T) *softphone.Incoming {
	t.Helper()
	select {
	case in := <-e.Calls:
		return in
	case <-time.After(Patience):
		t.Fatal("no call comes in")
		return nil
	}
}
