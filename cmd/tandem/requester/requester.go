// Package requester is a PINT client (RFC 2848) on sipgo: it asks for calls between
// telephones and watches what becomes of them.
//
// It shares no code with the server, so that it can try it. It speaks SIP alone: no
// sound comes to it.
package requester

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/cmd/tandem/socket"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Config is all a Requester needs to know.
type Config struct {
	User     string // user part of the own address
	Domain   string // host part; default: the server's host
	Password string
	Server   string      // host or host:port; default port 5060, with TLS 5061
	Proto    string      // "udp" (default), "tcp" or "tls"
	TLS      *tls.Config // default: the system's CAs
	Log      *slog.Logger
}

// Requester asks for services.
type Requester struct {
	cfg    Config
	ua     *sipgo.UserAgent
	client *sipgo.Client
	udp    net.PacketConn
	local  string
	serve  sync.WaitGroup

	mu    sync.Mutex
	asked map[string]*Session // by Call-ID
}

// New starts a requester. Close ends it.
func New(cfg Config) (*Requester, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	ua, err := socket.Agent("tandem-pint", cfg.Domain, cfg.TLS, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("starting the client: %w", err)
	}
	q := &Requester{cfg: cfg, ua: ua, asked: map[string]*Session{}}
	if err := q.open(); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

func (c *Config) complete() error {
	if c.Proto == "" {
		c.Proto = "udp"
	}
	port := "5060"
	switch c.Proto {
	case "udp", "tcp":
		c.TLS = nil
	case "tls":
		port = "5061"
		if c.TLS == nil {
			c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	default:
		return fmt.Errorf("transport %q is unknown; use udp, tcp or tls", c.Proto)
	}
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		host = strings.Trim(c.Server, "[]")
		c.Server = net.JoinHostPort(host, port)
	}
	if c.Domain == "" {
		c.Domain = host
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// open binds the socket and says what is done with requests of the server.
func (q *Requester) open() error {
	host, err := socket.From(q.cfg.Server)
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(q.ua, sipgo.WithServerLogger(q.cfg.Log))
	if err != nil {
		return fmt.Errorf("starting the client: %w", err)
	}
	for _, method := range []sip.RequestMethod{sip.NOTIFY, sip.BYE, "UNSUBSCRIBE"} {
		server.OnRequest(method, q.request)
	}
	opts := []sipgo.ClientOption{sipgo.WithClientNAT(), sipgo.WithClientLogger(q.cfg.Log)}
	q.local = net.JoinHostPort(host, "0")
	if q.cfg.Proto == "udp" {
		if q.udp, err = net.ListenPacket("udp", q.local); err != nil {
			return fmt.Errorf("opening a socket on %s: %w", host, err)
		}
		q.local = q.udp.LocalAddr().String()
		opts = append(opts, sipgo.WithClientConnectionAddr(q.local))
		socket.Serve(&q.serve, q.udp, server.ServeUDP, func(err error) { q.cfg.Log.Error("client stopped", "err", err) })
	}
	if q.client, err = sipgo.NewClient(q.ua, opts...); err != nil {
		return fmt.Errorf("starting the client: %w", err)
	}
	return nil
}

// Close closes the sockets. Services that were asked for go on.
func (q *Requester) Close() error {
	err := q.ua.Close()
	if q.udp != nil {
		q.udp.Close() // sipgo may have closed it already
	}
	q.serve.Wait()
	return err
}

// Request is what is asked for.
type Request struct {
	Service string    // "R2C" when empty
	A       string    // number or user; "" for services that need none
	B       string    // number, or a user
	At      time.Time // zero: at once
	Text    string    // R2HC: what is spoken
	URI     string    // R2HC: what is fetched and spoken or played
	Lang    string
	Record  bool // the call is to be recorded
}

// Session is a service that was asked for.
type Session struct {
	q       *Requester
	invite  *sip.Request
	ok      *sip.Response
	body    string
	seq     uint32
	updates chan string
	once    sync.Once
	ended   chan struct{}
	last    sync.Once
	told    chan struct{}
}

// ntp is the difference of the years 1900 and 1970 in seconds.
const ntp = 2208988800

// description is the session description of a request; its o= line cannot be
// guessed (RFC 2848 §5.1.4).
func (r *Request) description(local string) (contentType, body string) {
	var id [8]byte
	rand.Read(id[:]) // never fails
	host, _, _ := net.SplitHostPort(local)
	kind := "IP4"
	if strings.Contains(host, ":") {
		kind = "IP6"
	}
	start := int64(0)
	if !r.At.IsZero() {
		start = r.At.Unix() + ntp
	}
	form := "RFC2543"
	if !numeric(r.B) {
		form = "X-sip"
	}
	b := fmt.Sprintf("v=0\r\no=- %d 1 IN %s %s\r\ns=%s\r\nc=TN %s %s\r\nt=%d 0\r\n",
		binary.BigEndian.Uint64(id[:])>>1, kind, host, r.Service, form, r.B, start)
	if r.Lang != "" {
		b += "a=lang:" + r.Lang + "\r\n"
	}
	if r.Record { // required, so that a server that does not know it refuses
		b += "a=require:X-record\r\na=X-record:true\r\n"
	}
	switch {
	case r.URI != "":
		return "application/sdp", b + "m=text 1 voice plain\r\na=fmtp:plain uri:" + r.URI + "\r\n"
	case r.Text != "":
		b += "m=text 1 voice plain\r\na=fmtp:plain spr:text@tandem\r\n"
		return "multipart/related; boundary=tandem-part; type=\"application/sdp\"", "--tandem-part\r\nContent-Type: application/sdp\r\n\r\n" + b +
			"\r\n--tandem-part\r\nContent-Type: text/plain; charset=utf-8\r\nContent-ID: <text@tandem>\r\n\r\n" + r.Text + "\r\n--tandem-part--\r\n"
	}
	return "application/sdp", b + "m=audio 1 voice -\r\n"
}

// Ask sends a request and returns when it was taken on. The error of a refusal is
// what its Warning says.
func (q *Requester) Ask(ctx context.Context, r Request) (*Session, error) {
	if r.Service == "" {
		r.Service = "R2C"
	}
	to := sip.Uri{Scheme: "sip", User: r.Service, Host: q.cfg.Domain}
	req := sip.NewRequest(sip.INVITE, to)
	if r.A != "" {
		to = q.address(r.A)
	}
	if numeric(r.B) {
		r.B = dialled(r.B)
	} else if r.B != "" {
		b := q.address(r.B)
		r.B = b.User + "@" + b.Host
	}
	contentType, body := r.description(q.local)
	q.parties(req, to)
	req.AppendHeader(sip.NewHeader("Require", "org.ietf.sip.subscribe"))
	req.AppendHeader(sip.NewHeader("Content-Type", contentType))
	req.SetBody([]byte(body))
	res, err := q.do(ctx, req)
	if err != nil {
		return nil, err
	}
	s := &Session{q: q, invite: req, ok: res, body: body, updates: make(chan string, 64), ended: make(chan struct{}), told: make(chan struct{}), seq: req.CSeq().SeqNo}
	if i := strings.Index(body, "v=0"); contentType != "application/sdp" { // SUBSCRIBE has the description alone
		s.body, _, _ = strings.Cut(body[i:], "\r\n--")
		s.body += "\r\n"
	}
	q.mu.Lock()
	q.asked[req.CallID().Value()] = s
	q.mu.Unlock()
	return s, nil
}

// numeric reports whether people mean a number.
func numeric(text string) bool {
	return text != "" && (text[0] == '+' || text[0] >= '0' && text[0] <= '9')
}

// dialled is a number without what people write between its digits.
func dialled(number string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" ()./", c) {
			return -1
		}
		return c
	}, number)
}

// address is a party as people write it.
func (q *Requester) address(text string) sip.Uri {
	u := sip.Uri{Scheme: "sip", User: text, Host: q.cfg.Domain}
	if name, host, ok := strings.Cut(strings.TrimPrefix(text, "sip:"), "@"); ok {
		u.User, u.Host = name, host
		return u
	}
	if numeric(text) {
		u.User = dialled(text)
		u.UriParams = sip.NewParams()
		u.UriParams.Add("user", "phone")
	}
	return u
}

// parties adds the headers that say who asks whom.
func (q *Requester) parties(req *sip.Request, to sip.Uri) {
	req.SetDestination(q.cfg.Server)
	req.SetTransport(sip.NetworkToUpper(q.cfg.Proto))
	from := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: q.cfg.User, Host: q.cfg.Domain}, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: to, Params: sip.NewParams()})
	host, port, _ := net.SplitHostPort(q.local)
	n, _ := strconv.Atoi(port)
	contact := &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: q.cfg.User, Host: host, Port: n}}
	if q.cfg.Proto != "udp" {
		contact.Address.UriParams = sip.NewParams()
		contact.Address.UriParams.Add("transport", "tcp")
	}
	req.AppendHeader(contact)
}

// do sends a request, with credentials when they are asked for.
func (q *Requester) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	method := strings.ToLower(string(req.Method))
	res, err := q.client.Do(ctx, req)
	if err == nil && (res.StatusCode == 401 || res.StatusCode == 407) && q.cfg.Password != "" {
		res, err = q.client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: q.cfg.User, Password: q.cfg.Password})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is the server running?", method, err)
	}
	if res.StatusCode/100 != 2 {
		return res, refusal(method, res)
	}
	return res, nil
}

// refusal is an answer that is no success, with what its Warning says.
func refusal(method string, res *sip.Response) error {
	text := fmt.Sprintf("%s was refused: %d %s", method, res.StatusCode, res.Reason)
	if w := res.GetHeader("Warning"); w != nil {
		if _, said, ok := strings.Cut(w.Value(), `"`); ok {
			text += ": " + strings.TrimSuffix(said, `"`)
		}
	}
	return errors.New(text)
}

// inside makes a request in the dialog of the session.
func (s *Session) inside(method sip.RequestMethod) *sip.Request {
	target := s.invite.Recipient
	if c := s.ok.Contact(); c != nil {
		target = c.Address
	}
	req := sip.NewRequest(method, target)
	req.SetDestination(s.q.cfg.Server)
	req.SetTransport(sip.NetworkToUpper(s.q.cfg.Proto))
	for _, h := range []sip.Header{s.invite.From(), s.ok.To(), s.invite.CallID(), s.invite.Contact()} {
		req.AppendHeader(sip.HeaderClone(h))
	}
	if method != sip.ACK {
		s.seq++
	}
	req.AppendHeader(&sip.CSeqHeader{SeqNo: s.seq, MethodName: method})
	return req
}

// Watch asks to be told how the service does. It is called before Confirm, so that
// nothing is missed (RFC 2848 §3.5.3.4).
func (s *Session) Watch(ctx context.Context) error {
	req := s.inside(sip.SUBSCRIBE)
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody([]byte(s.body))
	_, err := s.q.do(ctx, req)
	return err
}

// Confirm has the server begin: it is the ACK.
func (s *Session) Confirm() error {
	seq := s.seq
	s.seq = s.ok.CSeq().SeqNo
	ack := s.inside(sip.ACK)
	s.seq = seq
	return s.q.client.WriteRequest(ack)
}

// Updates are the texts of the NOTIFYs, in order.
func (s *Session) Updates() <-chan string { return s.updates }

// Ended is closed when the server says that the service has ended.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Told is closed when the last of the Updates has come: that of the end.
func (s *Session) Told() <-chan struct{} { return s.told }

// Stop ends the service.
func (s *Session) Stop(ctx context.Context) error {
	_, err := s.q.do(ctx, s.inside(sip.BYE))
	return err
}

// request answers what the server sends.
func (q *Requester) request(req *sip.Request, tx sip.ServerTransaction) {
	q.mu.Lock()
	s := q.asked[req.CallID().Value()]
	q.mu.Unlock()
	if s == nil {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil)) // it asks again
		return
	}
	switch req.Method {
	case sip.NOTIFY:
		s.notified(string(req.Body()))
	case sip.BYE:
		s.once.Do(func() { close(s.ended) })
	}
	_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil)) // it asks again; the next NOTIFY comes after the answer
}

// notified takes what a NOTIFY tells: i= is how the service does, and t= has a second time
// once it has ended (RFC 2848 §3.5.3.2).
func (s *Session) notified(description string) {
	over := false
	for line := range strings.Lines(description) {
		kind, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch kind {
		case "i":
			select {
			case s.updates <- value:
			default: // nobody reads
			}
		case "t":
			f := strings.Fields(value)
			over = len(f) == 2 && f[1] != "0"
		}
	}
	if over {
		s.last.Do(func() { close(s.told) })
	}
}
