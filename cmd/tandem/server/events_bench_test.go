package server

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// theatre is the whole server with people who publish and people who watch them, and
// between them no kernel: what the server sends waits in pieces, until the peers take it.
type theatre struct {
	s       *Server
	flow    transport.Flow
	mu      sync.Mutex
	cond    sync.Cond
	wait    []byte // messages the server sent, one behind the other
	ends    []int
	taken   []byte
	tends   []int
	msg     sip.Message
	heard   sip.Message
	buf     []byte
	out     bytes.Buffer
	told    int            // NOTIFYs so far
	tags    map[int]string // of the publications
	refused string         // the last answer that was no 200
}

// openTheatre begins with a number of people who publish.
func openTheatre(b *testing.B, people int) *theatre {
	b.Helper()
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"bench.test"}, b.TempDir(), ""
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.0/8"}}}
	cfg.Events.PerUser, cfg.Presence.Interval = 1_000_000, 0
	s, err := New(context.Background(), cfg, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range people {
		add := directory.AddUser{AOR: rtc.AOR(fmt.Sprintf("sip:u%d@bench.test", i)), Password: "benchmark-secret"}
		if _, err := s.directory.Add(context.Background(), add); err != nil {
			b.Fatal(err)
		}
	}
	t := &theatre{s: s, tags: make(map[int]string)}
	t.cond.L = &t.mu
	field := reflect.ValueOf(s.layer).Elem().FieldByName("wire") // it is not exported
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(stage{t}))
	peer := netip.MustParseAddrPort("127.0.0.1:20000")
	if t.flow, err = s.transport.Flow(transport.Target{Proto: transport.UDP, Addr: peer}); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = s.layer.Run(ctx) })
	all.Go(func() { _ = s.events.Run(ctx) })
	b.Cleanup(func() {
		stop()
		all.Wait()
		s.close()
	})
	return t
}

// stage is the wire beneath the layer.
type stage struct{ *theatre }

func (t stage) Send(f transport.Flow, m []byte, _ transport.Failer) {
	t.s.tap(transport.Packet{Flow: f, Out: true, Bytes: m})
	t.mu.Lock()
	t.wait = append(t.wait, m...)
	t.ends = append(t.ends, len(t.wait))
	t.mu.Unlock()
	t.cond.Signal()
}
func (t stage) Together(f func(transport.Sink))                  { f(t) }
func (t stage) Flow(to transport.Target) (transport.Flow, error) { return t.s.transport.Flow(to) }
func (t stage) IsLocal(host []byte, port uint16) bool            { return t.s.transport.IsLocal(host, port) }
func (stage) Proto(f transport.Flow) transport.Proto             { return f.Proto() }
func (stage) Alive(f transport.Flow) bool                        { return f.Alive() }
func (stage) Listener(f transport.Flow) *transport.Listener      { return f.Listener() }

func (t *theatre) say(m []byte) {
	t.s.tap(transport.Packet{Flow: t.flow, Bytes: m})
	if t.s.layer.Success(stage{t}, m) {
		return
	}
	err := t.msg.Parse(m)
	t.msg.Source = t.flow.Remote
	t.s.layer.Message(stage{t}, t.flow, &t.msg, err)
}

// take waits for messages and has each looked at; NOTIFYs are answered.
func (t *theatre) take(look func(m *sip.Message)) {
	t.mu.Lock()
	for len(t.ends) == 0 {
		t.cond.Wait()
	}
	t.wait, t.taken = t.taken[:0], t.wait
	t.ends, t.tends = t.tends[:0], t.ends
	t.mu.Unlock()
	from := 0
	for _, end := range t.tends {
		m := &t.heard
		if err := m.Parse(t.taken[from:end]); err != nil {
			panic(err)
		}
		from = end
		if m.IsRequest() {
			t.told++
			t.buf = sip.AppendResponse(t.buf[:0], m, sip.Response{Code: 200})
			t.say(t.buf)
		} else if m.StatusCode() >= 300 {
			t.refused = string(m.Bytes())
		}
		if look != nil {
			look(m)
		}
	}
}

func (t *theatre) subscribe(i, people int) {
	p, w := i%people, i/people
	t.out.Reset()
	fmt.Fprintf(&t.out, "SUBSCRIBE sip:u%d@bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:20000;rport;branch=z9hG4bKs%d\r\nMax-Forwards: 70\r\nFrom: <sip:w%d@bench.test>;tag=w%d\r\nTo: <sip:u%d@bench.test>\r\nCall-ID: s%d@bench\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:w%d@127.0.0.1:20000>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
		p, i, w, i, p, i, w)
	t.say(t.out.Bytes())
}

func (t *theatre) publish(p, round int) {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:u%d@bench.test"><tuple id="t1"><status><basic>open</basic></status><note>%d.</note></tuple><dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>`, p, round)
	match := ""
	if tag := t.tags[p]; tag != "" {
		match = "SIP-If-Match: " + tag + "\r\n"
	}
	t.out.Reset()
	fmt.Fprintf(&t.out, "PUBLISH sip:u%d@bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:20000;rport;branch=z9hG4bKp%d\r\nMax-Forwards: 70\r\nFrom: <sip:u%d@bench.test>;tag=p%d\r\nTo: <sip:u%d@bench.test>\r\nCall-ID: p%d@bench\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n%sContent-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n%s",
		p, round, p, round, p, round, match, len(body), body)
	t.say(t.out.Bytes())
}

// tag notes the entity tag in the answer to a PUBLISH.
func (t *theatre) tag(m *sip.Message) {
	var p int
	if etag := m.Get(sip.HdrSIPETag); !m.IsRequest() && len(etag) > 0 && strings.HasSuffix(string(m.CSeqMethod()), "PUBLISH") {
		if _, err := fmt.Sscanf(string(m.Get(sip.HdrTo)), "<sip:u%d@", &p); err == nil {
			t.tags[p] = string(etag)
		}
	}
}

// fill has everybody publish, then as many watch each.
func (t *theatre) fill(b *testing.B, people, watchers int) {
	b.Helper()
	for p := range people {
		t.publish(p, p)
		for t.tags[p] == "" && t.refused == "" {
			t.take(t.tag)
		}
	}
	t.watch(b, 0, people*watchers, people)
}

// watch has subscriptions from one to another begin, and waits until all are told.
func (t *theatre) watch(b *testing.B, from, to, people int) {
	b.Helper()
	const window = 64
	for begun, told := from, t.told; t.told-told < to-from && t.refused == ""; {
		for begun < to && begun-from-(t.told-told) < window {
			t.subscribe(begun, people)
			begun++
		}
		t.take(nil)
	}
	if t.refused != "" {
		b.Fatal(t.refused)
	}
}

// measure reports the processor time of an operation, and how many rows a commit had.
func (t *theatre) measure(b *testing.B, op func() (ops int)) {
	runtime.GC()
	b.ReportAllocs()
	before, disk := processTime(), t.s.store.Stats()
	b.ResetTimer()
	ops := op()
	b.ReportMetric(float64(processTime()-before)/float64(ops), "cpu-ns/op")
	after := t.s.store.Stats()
	b.ReportMetric(float64(after.Rows-disk.Rows)/float64(max(1, after.Batches-disk.Batches)), "rows/commit")
}

// BenchmarkSubscribePath is a SUBSCRIBE until its NOTIFY is answered, 64 at a time,
// on disk.
func BenchmarkSubscribePath(b *testing.B) {
	const people = 100
	t := openTheatre(b, people)
	t.fill(b, people, 1)
	t.measure(b, func() int {
		t.watch(b, people, people+b.N, people)
		return b.N
	})
}

// BenchmarkStormPath is a NOTIFY, of 20 for each PUBLISH, until it is answered; 8
// publish at a time.
func BenchmarkStormPath(b *testing.B) {
	const people, watchers, window = 100, 20, 8
	t := openTheatre(b, people)
	t.fill(b, people, watchers)
	t.measure(b, func() int {
		begin, published := t.told, 0
		for round := people; t.told-begin < b.N; {
			for published*watchers-(t.told-begin) < window*watchers {
				t.publish(published%people, round)
				published++
				round++
			}
			t.take(t.tag)
			if t.refused != "" {
				b.Fatal(t.refused)
			}
		}
		return t.told - begin
	})
}
