// Package rig is a transaction layer in virtual time, with peers that are only
// bytes: what tests of user agents stand on.
package rig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Addresses of ours and of the peer that speaks; others are only spoken to.
const (
	Us   = "10.0.0.2:5060"
	Peer = "10.0.0.9:5060"
)

// Rig is the layer, and what peers got from it.
type Rig struct {
	Layer *transaction.Layer
	Wire  Wire // for user agents
	t     testing.TB
	ctx   context.Context
	wg    sync.WaitGroup
	mu    sync.Mutex
	got   []*sip.Message
	notes []string
}

// Run runs f in virtual time.
func Run(t *testing.T, f func(r *Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		r := &Rig{t: t, Layer: transaction.New(transaction.Config{Lanes: 2}), ctx: ctx}
		// The layer's wire is not exported, and sockets do not live in virtual time.
		field := reflect.ValueOf(r.Layer).Elem().FieldByName("wire")
		reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(below{r}))
		r.Handle()
		r.Go(r.Layer.Run)
		defer r.wg.Wait()
		defer stop()
		f(r)
	})
}

// Handle sets who takes requests.
func (r *Rig) Handle(handlers ...rtc.Handler) {
	r.Layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, handlers...))
}

// Go runs something until the test ends.
func (r *Rig) Go(run func(context.Context) error) {
	r.wg.Go(func() { _ = run(r.ctx) })
}

type below struct{ r *Rig }

func (b below) Send(f transport.Flow, text []byte, _ transport.Failer) {
	m := new(sip.Message)
	m.Source = f.Remote
	if err := m.Parse(append([]byte(nil), text...)); err != nil {
		b.r.t.Errorf("sent what cannot be read: %v\n%s", err, text)
	}
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	b.r.got = append(b.r.got, m)
}
func (below) Flow(to transport.Target) (transport.Flow, error) {
	return transport.Flow{Remote: to.Addr}, nil
}
func (below) IsLocal(host []byte, _ uint16) bool          { return string(host)+":5060" == Us }
func (below) Proto(transport.Flow) transport.Proto        { return transport.UDP }
func (below) Alive(transport.Flow) bool                   { return true }
func (below) Listener(transport.Flow) *transport.Listener { return nil }

// Wire is a uac.Wire: UDP alone.
type Wire struct{}

// Flow finds a way to a target.
func (Wire) Flow(to transport.Target) (transport.Flow, error) {
	if to.Proto != transport.UDP {
		return transport.Flow{}, errors.New("only UDP here")
	}
	return transport.Flow{Remote: to.Addr}, nil
}

// Local is our address.
func (Wire) Local(transport.Flow) (transport.Proto, []byte) { return transport.UDP, []byte(Us) }

// Alive is always.
func (Wire) Alive(transport.Flow) bool { return true }

type sink struct{ below }

// Sleep lets time pass and all that happens in it.
func (r *Rig) Sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Say has the peer send a message; lines end in LF, Content-Length is added.
func (r *Rig) Say(text string) {
	r.t.Helper()
	head, body, _ := strings.Cut(strings.TrimSpace(text)+"\n", "\n\n")
	body = strings.TrimSuffix(body, "\n")
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n")
	r.deliver(netip.MustParseAddrPort(Peer), fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body))
}

// Reply has the peer that got a request answer it; header are complete lines.
func (r *Rig) Reply(q *sip.Message, code int, tag, header string) {
	r.deliver(q.Source, sip.AppendResponse(nil, q, sip.Response{Code: code, ToTag: tag, Header: []byte(header)}))
}

func (r *Rig) deliver(from netip.AddrPort, b []byte) {
	out := sink{below{r}}
	if !r.Layer.Success(out, b) { // as the transport asks
		m := new(sip.Message)
		m.Source = from
		err := m.Parse(b)
		r.Layer.Message(out, transport.Flow{Remote: m.Source}, m, err)
	}
	r.Sleep(200 * time.Millisecond)
}

// Got is what peers have received since the last call. Source is to whom it
// was sent.
func (r *Rig) Got() []*sip.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.got
	r.got = nil
	return list
}

// Want compares what the peer has received, as "NOTIFY" and "200 SUBSCRIBE",
// and returns the messages.
func (r *Rig) Want(words ...string) []*sip.Message {
	r.t.Helper()
	list := r.Got()
	var got []string
	for _, m := range list {
		if m.IsRequest() {
			got = append(got, string(m.MethodName()))
		} else {
			got = append(got, fmt.Sprintf("%d %s", m.StatusCode(), m.CSeqMethod()))
		}
	}
	if strings.Join(got, ", ") != strings.Join(words, ", ") {
		r.t.Fatalf("the peer got %q, want %q", got, words)
	}
	return list
}

// Note and WantNotes: what callbacks were told.
func (r *Rig) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// WantNotes compares the notes since the last call.
func (r *Rig) WantNotes(notes ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Join(r.notes, "|") != strings.Join(notes, "|") {
		r.t.Errorf("told %q, want %q", r.notes, notes)
	}
	r.notes = nil
}
