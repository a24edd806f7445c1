// Package rig is a user agent in virtual time with a peer that is only bytes,
// for the tests of the packages under rtc/dialog.
package rig

import (
	"context"
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
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Addresses of the agent and of its peer.
const (
	Us   = "10.0.0.2:5060"
	Peer = "10.0.0.9:5060"
)

// Rig is the agent and its peer.
type Rig struct {
	UA *dialog.UA
	t  testing.TB

	layer *transaction.Layer
	mu    sync.Mutex
	got   []*sip.Message // by the peer
	notes []string
}

// Run runs f with an agent in virtual time. serve gets the requests that are in
// none of its dialogs.
func Run(t *testing.T, serve func(r *Rig, q *rtc.Request) error, f func(r *Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &Rig{t: t, layer: transaction.New(transaction.Config{Lanes: 2})}
		// The layer's wire is not exported, and sockets do not live in virtual time.
		field := reflect.ValueOf(r.layer).Elem().FieldByName("wire")
		reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(below{r}))
		r.UA = dialog.New(dialog.Config{Layer: r.layer, Wire: above{}, User: "us", Supported: []string{"norefersub"}})
		r.layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, r.UA, rtc.HandlerFunc(func(q *rtc.Request) error { return serve(r, q) })))
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = r.layer.Run(ctx) })
		wg.Go(func() { _ = r.UA.Run(ctx) })
		defer wg.Wait()
		defer stop()
		f(r)
	})
}

type below struct{ r *Rig }

func (b below) Send(_ transport.Flow, text []byte, _ transport.Failer) {
	m := new(sip.Message)
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

type above struct{}

func (above) Flow(to transport.Target) (transport.Flow, error) {
	return transport.Flow{Remote: to.Addr}, nil
}
func (above) Local(transport.Flow) (transport.Proto, []byte) { return transport.UDP, []byte(Us) }
func (above) Alive(transport.Flow) bool                      { return true }

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
	r.deliver(fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body))
}

// Reply has the peer answer a request; header are complete lines.
func (r *Rig) Reply(q *sip.Message, code int, tag, header string) {
	r.deliver(sip.AppendResponse(nil, q, sip.Response{Code: code, ToTag: tag, Header: []byte(header)}))
}

func (r *Rig) deliver(b []byte) {
	m := new(sip.Message)
	m.Source = netip.MustParseAddrPort(Peer)
	err := m.Parse(b)
	r.layer.Message(sink{below{r}}, transport.Flow{Remote: m.Source}, m, err)
	r.Sleep(200 * time.Millisecond)
}

// Got is what the peer has received since the last call.
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
