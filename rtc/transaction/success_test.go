package transaction

import (
	"fmt"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// content is a user that does not read a 200 to its NOTIFY.
type content struct{ *world }

func (c content) Succeeded(*Client) { c.note("< success") }

// notify begins a NOTIFY, and returns the 200 to it.
func (w *world) notify(tu ClientTU) (ok []byte) {
	ln := w.l.Lane([]byte("call-1"))
	ln.Do(func() {
		w.client = ln.Client(sip.NOTIFY, tu)
		b := fmt.Appendf(nil, "NOTIFY sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=%s;rport\r\n"+
			"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\n"+
			"Call-ID: call-1\r\nCSeq: 7 NOTIFY\r\nContent-Length: 0\r\n\r\n", w.branch(""))
		var m sip.Message
		if err := m.Parse(b); err != nil {
			w.t.Error(err)
		}
		ok = sip.AppendResponse(nil, &m, sip.Response{Code: 200})
		w.client.Send(udp(), b)
	})
	return ok
}

func TestSuccess(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		ok := w.notify(content{w})
		w.sleepTo(700 * time.Millisecond)
		if !w.l.Success(w, ok) {
			t.Error("a 200 is not taken")
		}
		if w.client.Spent() {
			t.Error("spent, though it was sent again and that may still fail")
		}
		if w.l.Success(w, ok) {
			t.Error("its copy is taken")
		}
		ok = w.notify(content{w})
		if !w.l.Success(w, ok) || !w.client.Spent() {
			t.Error("one that was sent once is not spent")
		}
		w.sleepTo(40 * time.Second)
		w.want("0s > NOTIFY", "500ms > NOTIFY", "700ms < success", "700ms > NOTIFY", "700ms < success")
		w.idle()
	})
}

// Who reads its answers has all of them, whatever they are.
func TestSuccessOfOthers(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		ok := w.notify(w)
		if w.l.Success(w, ok) {
			t.Error("taken from one who reads it")
		}
		w.take(udp(), string(ok))
		w.sleepTo(40 * time.Second)
		w.want("0s > NOTIFY", "0s < 200")
		w.idle()
	})
}
