package test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tandem/cmd/tandem/softphone"
)

// endpoint is a registered phone of an independent stack.
type endpoint struct {
	*softphone.Phone
	calls chan *softphone.Incoming
	texts chan softphone.Message
	leave chan struct{} // lets the handler of a call return
}

// endpoint starts a phone and registers it.
func (r *rig) endpoint(t *testing.T, user, proto string) *endpoint {
	t.Helper()
	e := &endpoint{calls: make(chan *softphone.Incoming, 4), texts: make(chan softphone.Message, 4), leave: make(chan struct{})}
	cfg := softphone.Config{User: user, Domain: domain, Password: password, Server: r.addr[proto].String(), Proto: proto,
		OnMessage: func(m softphone.Message) { e.texts <- m },
		OnCall: func(in *softphone.Incoming) {
			e.calls <- in
			select { // the call lives as long as its handler
			case <-in.Done():
			case <-e.leave:
			}
		}}
	if proto == "tls" || proto == "wss" {
		cfg.TLS = r.tls()
	}
	var err error
	if e.Phone, err = softphone.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(e.leave); _ = e.Close() })
	if _, err := e.Register(soon(t), 2*time.Minute); err != nil {
		t.Fatalf("%s registers over %s: %v", user, proto, err)
	}
	return e
}

// soon bounds one step.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (e *endpoint) call(t *testing.T) *softphone.Incoming {
	t.Helper()
	select {
	case in := <-e.calls:
		return in
	case <-time.After(patience):
		t.Fatal("no call comes in")
		return nil
	}
}

// dialling is a call on its way.
type dialling struct {
	call *softphone.Call
	err  error
	rang chan int
	done chan struct{}
}

func (e *endpoint) dial(ctx context.Context, to string) *dialling {
	d := &dialling{rang: make(chan int, 16), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.call, d.err = e.Dial(ctx, to, softphone.DialOptions{Progress: func(code int, _ string) { d.rang <- code }})
	}()
	return d
}

func ended(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("%s does not end", what)
	}
}

// TestCalls connects phones of every transport with each other: INVITE, 180,
// 200, ACK, and BYE from one side or the other.
func TestCalls(t *testing.T) {
	softphone.AllowLargeDatagrams()
	r := startServer(t, nil)
	protos := []string{"udp", "tcp", "tls", "ws"}
	callers, callees := map[string]*endpoint{}, map[string]*endpoint{}
	for _, p := range protos {
		r.user("caller-"+p, "callee-"+p)
		callers[p], callees[p] = r.endpoint(t, "caller-"+p, p), r.endpoint(t, "callee-"+p, p)
	}
	for i, from := range protos {
		for j, to := range protos {
			t.Run(from+" to "+to, func(t *testing.T) {
				d := callers[from].dial(soon(t), "callee-"+to)
				in := callees[to].call(t)
				if err := in.Ring(soon(t), 20*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				answered, err := in.Answer()
				if err != nil {
					t.Fatalf("answering: %v", err)
				}
				ended(t, "setting up", d.done)
				if d.err != nil {
					t.Fatalf("calling: %v", d.err)
				}
				if answered.ID != d.call.ID {
					t.Errorf("Call-ID %s and %s", answered.ID, d.call.ID)
				}
				one, other := d.call, answered
				if (i+j)%2 == 1 {
					one, other = other, one
				}
				if err := one.Hangup(soon(t)); err != nil {
					t.Errorf("hanging up: %v", err)
				}
				ended(t, "the other side", other.Done())
			})
		}
	}
}

func TestCallCancelled(t *testing.T) {
	r := startServer(t, nil)
	r.user("a", "b")
	a, b := r.endpoint(t, "a", "udp"), r.endpoint(t, "b", "tcp")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := a.dial(ctx, "b")
	in := b.call(t)
	go func() { _ = in.Ring(context.Background(), patience) }()
	for code := range d.rang {
		if code == 180 {
			break
		}
	}
	cancel()
	ended(t, "the callee's ringing", in.Done())
	ended(t, "the caller's", d.done)
	if d.err == nil {
		t.Error("the call was answered")
	}
}

func TestCallRefused(t *testing.T) {
	r := startServer(t, nil)
	r.user("a", "b")
	a, b := r.endpoint(t, "a", "tls"), r.endpoint(t, "b", "ws")
	for _, code := range []int{486, 603, 404} {
		d := a.dial(soon(t), "b")
		if err := b.call(t).Reject(code, "No"); err != nil {
			t.Fatal(err)
		}
		ended(t, "the call", d.done)
		var f *softphone.Failure
		if !errors.As(d.err, &f) || f.Code != code {
			t.Errorf("%d arrived as %v", code, d.err)
		}
	}
	if d := a.dial(soon(t), "nobody"); true {
		ended(t, "the call to nobody", d.done)
		var f *softphone.Failure
		if !errors.As(d.err, &f) || f.Code != 404 {
			t.Errorf("nobody: %v", d.err)
		}
	}
}

// TestMessageOrder: 2,000 messages on one connection arrive in their order, at a
// phone on another connection. Those that come while one is under way are kept
// (202) so that they cannot overtake it.
func TestMessageOrder(t *testing.T) {
	const n = 2000
	r := startServer(t, nil)
	r.user("b")
	from, to := r.dial(t, "trusted-tcp"), r.dial(t, "tcp")
	to.register("b")
	go func() {
		for i := range n {
			_ = from.write([]byte(crlf(fmt.Sprintf("MESSAGE sip:b@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:x@elsewhere.test>;tag=1\nTo: <sip:b@%s>\nCall-ID: order\nCSeq: %d MESSAGE\nContent-Length: 0\n",
				domain, from.via(), domain, i+1))))
		}
	}()
	for i := range n {
		m := to.request("MESSAGE")
		if seq, _ := m.CSeq(); int(seq) != i+1 {
			t.Fatalf("message %d came as number %d", seq, i+1)
		}
		to.reply(m, 200, "b", "", "")
	}
	seen := make(map[uint32]bool)
	for i := range n {
		m := from.final("order", "MESSAGE")
		if seq, _ := m.CSeq(); m.StatusCode()/100 != 2 || seen[seq] {
			t.Fatalf("answer %d is %d to number %d", i+1, m.StatusCode(), seq)
		} else {
			seen[seq] = true
		}
	}
}
