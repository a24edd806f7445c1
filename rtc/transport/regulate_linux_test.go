package transport

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"tandem/rtc/transport/sieve"
)

// When the valve drops nearly all, the kernel is told to; what it drops then is no loss. Both
// open again when nothing more comes.
func TestRegulate(t *testing.T) {
	tr, err := New(Config{Handler: ignore{}, Log: slog.New(slog.DiscardHandler), Sieve: &sieve.Config{Senders: new(sieve.Senders)},
		Listen: []Listen{{Proto: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.listeners[0].close()
	u := newUDPLoop(tr.listeners[0], 0)
	u.out.now = time.Now()
	u.valve.shut, u.valve.at = valveParts-valveLeast, u.out.now
	u.regulate(true)
	if s := u.in.sock; !u.sieve.On() || !s.sieved.Load() {
		t.Fatal("nothing in front of a socket whose reader drops nearly all")
	}
	u.in.sock.drops-- // as if the kernel had dropped one
	if p := tr.Pressure(); p >= droppedPressure {
		t.Errorf("what the kernel drops by order counts as lost: %v", p)
	}
	if n, err := u.in.receive(); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d datagrams, %v: the loop sleeps behind the filter", n, err)
	}
	for i := 0; u.sieve.On(); i++ {
		if i > 1000 {
			t.Fatal("not open after 1000 turns without a datagram")
		}
		u.out.now = u.out.now.Add(time.Second)
		u.regulate(false)
	}
	if u.valve.shut != 0 || u.in.sock.sieved.Load() {
		t.Error("not open when nothing comes")
	}
}
