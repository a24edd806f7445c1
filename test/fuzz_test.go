package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/rtc/sip/torture"
	"tandem/test/harness"
)

// attack sends bad messages to a live server and wants it to go on serving.
type attack struct {
	t     *testing.T
	r     *harness.Rig
	rand  *rand.Rand
	seeds [][]byte
	judge map[string]*harness.Wire // who looks whether it is alive, by transport
	over  map[string]*harness.Wire // who sends, by listener
	sent  int
	slow  time.Duration // longest answer to a probe
	peak  uint64        // octets of heap
}

var attacked = []string{"udp", "trusted", "tcp", "ws"}

// startAttack has a server with a registered user who answers.
func startAttack(t *testing.T) *attack {
	t.Helper()
	phone := newAnswerer(t)
	r := harness.StartServer(t, func(cfg *config.Config) {
		cfg.Auth.AllowForeign = true
		cfg.DNS.Servers = []string{harness.Nameserver(t, phone.Local.Port())}
		cfg.Routes = harness.CatchAll(phone.Local, "INVITE", "MESSAGE", "OPTIONS", "BYE", "CANCEL", "SUBSCRIBE", "NOTIFY", "REGISTER", "INFO")
		cfg.Registrar.MaxBindings = 60
		cfg.Trace.Bytes = 1 << 20
	})
	r.User("100", "200", "300")
	a := &attack{t: t, r: r, rand: rand.New(rand.NewPCG(4475, 5118)), judge: map[string]*harness.Wire{}, over: map[string]*harness.Wire{}}
	phone.serve(t, r.Addr["udp"])
	w := r.Dial(t, "udp")
	w.Register("100", fmt.Sprintf("Contact: <sip:100@%s>", phone.Local))
	w.Close()
	for _, proto := range []string{"udp", "tcp"} {
		a.judge[proto] = r.Dial(t, proto)
	}
	for _, m := range messages {
		a.seeds = append(a.seeds, []byte(crlfAll(m)))
	}
	return a
}

// tortureSeeds adds the torture messages.
func (a *attack) tortureSeeds() {
	for _, c := range torture.All() {
		a.seeds = append(a.seeds, c.Bytes())
	}
}

// loose is for what is closed before the test ends: a test would remember each
// of a million connections until then.
type loose struct{ testing.TB }

// Cleanup does nothing.
func (loose) Cleanup(func()) {}

// fire sends one message over a listener. On top stands a Via of the sender, so
// that no answer goes elsewhere.
func (a *attack) fire(listener string, b []byte) {
	a.t.Helper()
	w := a.over[listener]
	if w == nil {
		w = a.r.Dial(loose{a.t}, listener)
		a.over[listener] = w
	}
	if i := bytes.Index(b, []byte("\r\n")); i >= 0 {
		b = bytes.Join([][]byte{b[:i], fmt.Appendf(nil, "Via: SIP/2.0/%s %s;rport;branch=z9hG4bK%s", w.Proto, w.Local, harness.Unique()), b[i+2:]}, []byte("\r\n"))
	}
	if len(b) > 65000 {
		b = b[:65000]
	}
	if w.Write(b) != nil || !empty(w) || w.Proto == "WS" && a.sent%50 == 0 { // the server has had enough of this stream
		w.Close()
		delete(a.over, listener)
	}
	if a.sent++; a.sent%100 == 0 {
		a.alive()
	}
}

// empty throws away what has come; false when the connection has ended.
func empty(w *harness.Wire) bool {
	for {
		select {
		case _, ok := <-w.In:
			if !ok {
				return false
			}
		default:
			return true
		}
	}
}

func (a *attack) alive() {
	a.t.Helper()
	for proto, w := range a.judge {
		begin := time.Now()
		if err := w.Probe(harness.Patience); err != nil {
			a.t.Fatalf("after %d messages OPTIONS over %s: %v", a.sent, proto, err)
		}
		a.slow = max(a.slow, time.Since(begin))
	}
	if a.sent%1000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		a.peak = max(a.peak, m.HeapInuse)
	}
}

// liveCall is a call of two agents through the server, ringing or established.
type liveCall struct {
	caller, callee *harness.Wire
	invite         *sip.Message // as the callee got it
	response       *sip.Message // as the caller got it
}

// setUp begins a call to user 300, and answers it when up.
func (a *attack) setUp(up bool) *liveCall {
	a.t.Helper()
	c := &liveCall{caller: a.r.Dial(loose{a.t}, "trusted"), callee: a.r.Dial(loose{a.t}, "udp")}
	c.callee.Register("300", "Contact: *", "Expires: 0")
	c.callee.Register("300")
	id := harness.Unique()
	c.caller.Send(fmt.Sprintf("INVITE sip:300@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:1@elsewhere.test>;tag=1\nTo: <sip:300@%s>\nCall-ID: %s\nCSeq: 1 INVITE\nContact: <sip:1@%s>\nContent-Length: 0\n",
		harness.Domain, c.caller.Via(), harness.Domain, id, c.caller.Local))
	c.invite = c.callee.Request("INVITE")
	c.callee.Reply(c.invite, 180, "b", "Contact: "+c.callee.Contact("300"), "")
	c.response = c.caller.Status(180, id)
	if up {
		c.callee.Reply(c.invite, 200, "b", "Contact: "+c.callee.Contact("300"), "")
		c.response = c.caller.Final(id, "INVITE")
		c.caller.Ack(c.response, "")
	}
	return c
}

// seeds are messages that belong to the call.
func (c *liveCall) seeds() (ofCaller, ofCallee [][]byte) {
	routes := strings.ReplaceAll(harness.RouteSet(c.response), "\n", "\r\n")
	via := string(sip.FirstElement(c.response.Get(sip.HdrVia)))
	request := func(method, via, more string) []byte {
		return fmt.Appendf(nil, "%s sip:300@%s SIP/2.0\r\nVia: %s\r\n%sMax-Forwards: 70\r\nFrom: <sip:1@elsewhere.test>;tag=1\r\nTo: <sip:300@%s>;tag=b\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:1@%s>\r\n%sContent-Length: 0\r\n\r\n",
			method, c.callee.Local, via, routes, harness.Domain, c.response.CallID(), method, c.caller.Local, more)
	}
	for _, m := range []string{"INVITE", "ACK", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY"} {
		ofCaller = append(ofCaller, request(m, c.caller.Via(), "RAck: 1 1 INVITE\r\nRefer-To: <sip:x@127.0.0.1>\r\nEvent: refer\r\n"))
	}
	ofCaller = append(ofCaller, request("ACK", via, ""), request("INVITE", via, ""))
	for _, code := range []int{100, 180, 183, 199} {
		ofCallee = append(ofCallee, sip.AppendResponse(nil, c.invite, sip.Response{Code: code, ToTag: "b",
			Header: fmt.Appendf(nil, "Contact: %s\r\nRequire: 100rel\r\nRSeq: 1\r\n", c.callee.Contact("300"))}))
	}
	return ofCaller, ofCallee
}

// finish ends the call as it should, which must still be possible.
func (c *liveCall) finish(t *testing.T, up bool) {
	t.Helper()
	id := string(c.invite.CallID())
	if !up {
		c.callee.Reply(c.invite, 486, "b", "", "")
		if _, err := c.caller.Next(harness.Patience, func(m *sip.Message) bool { return m.StatusCode() >= 300 && string(m.CallID()) == id }); err != nil {
			t.Errorf("the ringing call cannot be refused any more: %v", err)
		}
		return
	}
	c.caller.Send(fmt.Sprintf("BYE sip:300@%s SIP/2.0\nVia: %s\n%sMax-Forwards: 70\nFrom: <sip:1@elsewhere.test>;tag=1\nTo: <sip:300@%s>;tag=b\nCall-ID: %s\nCSeq: 4711 BYE\nContent-Length: 0\n",
		c.callee.Local, c.caller.Via(), harness.RouteSet(c.response), harness.Domain, id))
	bye, err := c.callee.Next(harness.Patience, func(m *sip.Message) bool {
		n, _ := m.CSeq()
		return m.IsRequest() && m.Method() == sip.BYE && n == 4711
	})
	if err != nil {
		t.Errorf("the established call cannot be ended any more: %v", err)
		return
	}
	c.callee.Reply(bye, 200, "b", "", "")
	c.caller.Final(id, "BYE")
}

// within attacks a call from both its ends with n messages.
func (a *attack) within(up bool, n int) {
	a.t.Helper()
	c := a.setUp(up)
	caller, callee := c.seeds()
	for range n {
		if up || a.rand.IntN(2) == 0 {
			_ = c.caller.Write(mutate(a.rand, caller))
		} else {
			// A final answer by chance would end the call before its time.
			if b := mutate(a.rand, callee); bytes.HasPrefix(b, []byte("SIP/2.0 1")) {
				_ = c.callee.Write(b)
			}
		}
		if a.sent++; a.sent%100 == 0 {
			a.alive()
		}
		empty(c.caller)
		empty(c.callee)
	}
	c.finish(a.t, up)
	c.caller.Close()
	c.callee.Close()
}

// TestAttack sends some 4,500 fixed cases over all transports, then random
// mutations in every state. TANDEM_FUZZ=10m has it go on for so long.
func TestAttack(t *testing.T) {
	a := startAttack(t)
	a.alive()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	for i, b := range protos(4500) {
		a.fire(attacked[i%len(attacked)], b)
	}
	cases := a.sent
	a.tortureSeeds()
	limit, err := time.ParseDuration(os.Getenv("TANDEM_FUZZ"))
	if err != nil {
		limit = 4 * time.Second
	}
	if long := err == nil; long {
		a.rand = rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	}
	for end := time.Now().Add(limit); time.Now().Before(end); {
		for range 500 {
			a.fire([]string{"udp", "tcp", "ws"}[a.rand.IntN(3)], mutate(a.rand, a.seeds))
		}
		a.within(false, 100)
		a.within(true, 100)
	}
	for _, w := range a.over {
		w.Close()
	}
	a.alive()
	if n := a.r.S.Transport().Stats().Panics; n > 0 {
		t.Errorf("%d panics were caught", n)
	}
	a.settled(&before, goroutines, err == nil)
	t.Logf("%d fixed cases, %d mutations, slowest answer %s", cases, a.sent-cases, a.slow)
}

// settled wants memory and goroutines to come back. Transactions live for 32 s
// after their end; only a long run waits for them.
func (a *attack) settled(before *runtime.MemStats, goroutines int, long bool) {
	a.t.Helper()
	limit := uint64(128 << 20)
	if long {
		limit = 24 << 20
		for range 8 {
			time.Sleep(10 * time.Second)
			a.alive()
		}
	}
	deadline := time.Now().Add(2 * harness.Patience)
	for runtime.NumGoroutine() > goroutines+4 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines+4 {
		a.t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if file := os.Getenv("TANDEM_FUZZ_HEAP"); file != "" {
		a.profile(file)
	}
	a.t.Logf("heap %d KiB before, %d KiB at most, %d KiB after", before.HeapAlloc>>10, a.peak>>10, after.HeapAlloc>>10)
	if after.HeapAlloc > before.HeapAlloc+limit {
		a.t.Errorf("the heap has grown by more than %d MiB", limit>>20)
	}
}

// profile writes what the heap holds.
func (a *attack) profile(file string) {
	f, err := os.Create(file)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	if err := pprof.WriteHeapProfile(f); err != nil {
		a.t.Error(err)
	}
}
