package server

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tandem/rtc/transport"
)

// methods that are counted by name; all others are "OTHER".
var methods = [...]string{"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO",
	"SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER", "OTHER"}

// traffic counts messages by direction and kind, from their first octets. Each
// reader loop has a tally of its own, so that cores do not contend for one.
type traffic struct {
	_     [64]byte // what stands before it is read with every message
	loops [8]tally
}

type tally struct {
	requests  [2][len(methods)]atomic.Uint64
	responses [2][6]atomic.Uint64 // by class
	_         [64]byte
}

func (t *traffic) requests(dir, method int) (n uint64) {
	for i := range t.loops {
		n += t.loops[i].requests[dir][method].Load()
	}
	return n
}

func (t *traffic) responses(dir, class int) (n uint64) {
	for i := range t.loops {
		n += t.loops[i].responses[dir][class].Load()
	}
	return n
}

// tap sees every message in and out.
func (s *Server) tap(p transport.Packet) {
	s.traffic.loops[p.Loop%len(s.traffic.loops)].count(p.Out, p.Bytes)
	if s.cfg.Load().Trace.Bytes > 0 {
		s.trace.Tap(p)
	}
}

func (t *tally) count(out bool, b []byte) {
	dir := 0
	if out {
		dir = 1
	}
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) && len(b) > 8 {
		if class := int(b[8]) - '0'; class >= 1 && class <= 6 {
			t.responses[dir][class-1].Add(1)
		}
		return
	}
	word, _, _ := bytes.Cut(b[:min(len(b), 12)], []byte(" "))
	for i, m := range methods {
		if string(word) == m {
			t.requests[dir][i].Add(1)
			return
		}
	}
	t.requests[dir][len(methods)-1].Add(1)
}

// registry collects the rooms' counters when it is read; nothing is counted twice.
func (s *Server) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{s})
	return r
}

// Metrics of the server.
func (s *Server) Metrics() prometheus.Gatherer { return s.registry() }

type collector struct{ s *Server }

// Describe sends nothing: the set of metrics is fixed but unchecked.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	m := meter{ch}
	c.messages(m)
	c.stack(m)
	c.state(m)
	for _, r := range rooms() {
		if r.metrics != nil {
			r.metrics(c.s, m)
		}
	}
}

func (c *collector) messages(m meter) {
	for dir, name := range []string{"in", "out"} {
		for i, method := range methods {
			m.counter("sip_requests_total", "SIP requests by method and direction", c.s.traffic.requests(dir, i), "method", method, "direction", name)
		}
		for i := range 6 {
			m.counter("sip_responses_total", "SIP responses by class and direction", c.s.traffic.responses(dir, i), "class", strconv.Itoa(i+1)+"xx", "direction", name)
		}
	}
	st := c.s.transport.Stats()
	m.counter("sip_shed_total", "Requests of unknown senders left unread because more came in than could be served", st.Shed)
	for p, n := range st.Malformed {
		m.counter("sip_malformed_total", "Messages that could not be parsed", n, "transport", p.Param())
	}
	for p, n := range st.Dropped {
		m.counter("sip_dropped_total", "Messages that could not be sent", n, "transport", p.Param())
	}
	for p, n := range st.KeepAlives {
		m.counter("sip_keepalives_total", "Keep-alives received", n, "transport", p.Param())
	}
	m.gauge("sip_connections", "Stream connections open", float64(st.Conns))
	m.counter("sip_connections_refused_total", "Connections refused by a limit", st.Refused)
	m.counter("sip_handler_panics_total", "Messages whose handling failed in an unforeseen way", st.Panics)
}

func (c *collector) stack(m meter) {
	tx := c.s.layer.Stats()
	m.gauge("transactions", "Transactions under way", float64(tx.Server), "side", "server")
	m.gauge("transactions", "Transactions under way", float64(tx.Client), "side", "client")
	m.gauge("transactions_absorbing", "Final responses kept for retransmissions", float64(tx.Absorbing))
	m.counter("retransmissions_total", "Messages sent again", tx.Retransmitted)
	m.counter("shed_total", "Requests answered 503 under load", tx.Shed)
	m.counter("transaction_timeouts_total", "Transactions without an answer in time", tx.Timeouts)
	a := c.s.gate.Stats()
	for _, v := range []struct {
		outcome string
		n       uint64
	}{{"challenged", a.Challenged}, {"stale", a.Stale}, {"accepted", a.Accepted}, {"failed", a.Failed}, {"blocked", a.Blocked},
		{"mismatched", a.Mismatched}, {"refused", a.Refused}, {"trusted", a.Trusted}, {"foreign", a.Foreign}} {
		m.counter("auth_total", "Decisions of the gate", v.n, "outcome", v.outcome)
	}
	g := c.s.registrar.Stats()
	for _, v := range []struct {
		outcome string
		n       uint64
	}{{"bound", g.Bound}, {"refreshed", g.Refreshed}, {"removed", g.Removed}, {"fetched", g.Fetched}, {"refused", g.Refused}, {"failed", g.Failed}} {
		m.counter("registers_total", "REGISTERs by what became of them", v.n, "outcome", v.outcome)
	}
	p := c.s.proxy.Stats()
	m.counter("proxy_requests_total", "Requests forwarded", p.Requests)
	m.counter("proxy_branches_total", "Branches begun for them", p.Branches)
	m.counter("proxy_failovers_total", "Branches sent to another address after a failure", p.Failovers)
	m.counter("proxy_loops_total", "Requests refused for looping", p.Loops)
	m.counter("proxy_denied_total", "Requests refused for relaying", p.Denied)
	m.counter("proxy_strays_total", "Responses that belong to nothing", p.Strays)
}

func (c *collector) state(m meter) {
	m.gauge("registrations", "Bindings held", float64(c.s.location.Count()))
	m.gauge("users", "Users known", float64(c.s.directory.Count()))
	st := c.s.store.Stats()
	m.counter("store_batches_total", "Transactions committed", st.Batches)
	m.counter("store_rows_total", "Rows written", st.Rows)
	m.counter("store_failed_total", "Transactions that failed", st.Failed)
	m.gauge("store_queue", "Changes waiting for the disk", float64(st.Queued))
	m.gauge("store_commit_seconds", "Duration of the last commit", st.Last.Seconds())
	if cert := c.s.cert.Current(); cert != nil {
		m.gauge("certificate_expiry_timestamp_seconds", "End of the TLS certificate", float64(cert.Leaf.NotAfter.Unix()))
	}
	m.gauge("start_time_seconds", "Start of the server", float64(c.s.started.Unix()))
}

// meter writes metrics with the prefix of all of ours.
type meter struct{ ch chan<- prometheus.Metric }

func (m meter) counter(name, help string, v uint64, labels ...string) {
	m.send(prometheus.CounterValue, name, help, float64(v), labels)
}

func (m meter) gauge(name, help string, v float64, labels ...string) {
	m.send(prometheus.GaugeValue, name, help, v, labels)
}

func (m meter) send(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	var keys, values []string
	for i := 0; i < len(labels); i += 2 {
		keys, values = append(keys, labels[i]), append(values, labels[i+1])
	}
	m.ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("tandem_"+name, help, keys, nil), kind, v, values...)
}
