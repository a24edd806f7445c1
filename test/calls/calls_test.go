package calls

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tandem/cmd/tandem/softphone"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestCalls connects phones of every transport with each other: INVITE, 180,
// 200, ACK, and BYE from one side or the other.
func TestCalls(t *testing.T) {
	softphone.AllowLargeDatagrams()
	r := harness.StartServer(t, nil)
	protos := []string{"udp", "tcp", "tls", "ws"}
	callers, callees := map[string]*harness.Endpoint{}, map[string]*harness.Endpoint{}
	for _, p := range protos {
		r.User("caller-"+p, "callee-"+p)
		callers[p], callees[p] = r.Endpoint(t, "caller-"+p, p), r.Endpoint(t, "callee-"+p, p)
	}
	for i, from := range protos {
		for j, to := range protos {
			t.Run(from+" to "+to, func(t *testing.T) {
				d := house.Dial(callers[from], harness.Soon(t), "callee-"+to)
				in := callees[to].Call(t)
				if err := in.Ring(harness.Soon(t), 20*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				answered, err := in.Answer()
				if err != nil {
					t.Fatalf("answering: %v", err)
				}
				house.Ended(t, "setting up", d.Done)
				if d.Err != nil {
					t.Fatalf("calling: %v", d.Err)
				}
				if answered.ID != d.Call.ID {
					t.Errorf("Call-ID %s and %s", answered.ID, d.Call.ID)
				}
				one, other := d.Call, answered
				if (i+j)%2 == 1 {
					one, other = other, one
				}
				if err := one.Hangup(harness.Soon(t)); err != nil {
					t.Errorf("hanging up: %v", err)
				}
				house.Ended(t, "the other side", other.Done())
			})
		}
	}
}

func TestCallCancelled(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("a", "b")
	a, b := r.Endpoint(t, "a", "udp"), r.Endpoint(t, "b", "tcp")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := house.Dial(a, ctx, "b")
	in := b.Call(t)
	go func() { _ = in.Ring(context.Background(), harness.Patience) }()
	for code := range d.Rang {
		if code == 180 {
			break
		}
	}
	cancel()
	house.Ended(t, "the callee's ringing", in.Done())
	house.Ended(t, "the caller's", d.Done)
	if d.Err == nil {
		t.Error("the call was answered")
	}
}

func TestCallRefused(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("a", "b")
	a, b := r.Endpoint(t, "a", "tls"), r.Endpoint(t, "b", "ws")
	for _, code := range []int{486, 603, 404} {
		d := house.Dial(a, harness.Soon(t), "b")
		if err := b.Call(t).Reject(code, "No"); err != nil {
			t.Fatal(err)
		}
		house.Ended(t, "the call", d.Done)
		var f *softphone.Failure
		if !errors.As(d.Err, &f) || f.Code != code {
			t.Errorf("%d arrived as %v", code, d.Err)
		}
	}
	if d := house.Dial(a, harness.Soon(t), "nobody"); true {
		house.Ended(t, "the call to nobody", d.Done)
		var f *softphone.Failure
		if !errors.As(d.Err, &f) || f.Code != 404 {
			t.Errorf("nobody: %v", d.Err)
		}
	}
}

// TestMessageOrder: 2,000 messages on one connection arrive in their order, at a
// phone on another connection. Those that come while one is under way are kept
// (202) so that they cannot overtake it.
func TestMessageOrder(t *testing.T) {
	const n = 2000
	r := harness.StartServer(t, nil)
	r.User("b")
	from, to := r.Dial(t, "trusted-tcp"), r.Dial(t, "tcp")
	to.Register("b")
	underway := make(chan bool, 100) // the device answers none of them too late
	go func() {
		for i := range n {
			underway <- true
			_ = from.Write([]byte(harness.CRLF(fmt.Sprintf("MESSAGE sip:b@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:x@elsewhere.test>;tag=1\nTo: <sip:b@%s>\nCall-ID: order\nCSeq: %d MESSAGE\nContent-Length: 0\n",
				harness.Domain, from.Via(), harness.Domain, i+1))))
		}
	}()
	for i := range n {
		m := to.Request("MESSAGE")
		if seq, _ := m.CSeq(); int(seq) != i+1 {
			t.Fatalf("message %d came as number %d", seq, i+1)
		}
		to.Reply(m, 200, "b", "", "")
		<-underway
	}
	seen := make(map[uint32]bool)
	for i := range n {
		m := from.Final("order", "MESSAGE")
		if seq, _ := m.CSeq(); m.StatusCode()/100 != 2 || seen[seq] {
			t.Fatalf("answer %d is %d to number %d", i+1, m.StatusCode(), seq)
		} else {
			seen[seq] = true
		}
	}
}
