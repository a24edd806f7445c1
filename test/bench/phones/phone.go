package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	passwordLine = regexp.MustCompile(`(?m)^account\.1\.password = (\S+)$`)
	nonceOf      = regexp.MustCompile(`nonce="([^"]+)"`)
)

// tries is how often a phone asks before it gives up.
const tries = 10

// bootOne is a phone that boots: files, registration, subscriptions.
func bootOne(ctx context.Context, s *server, t *totals, i, n, lamps int) error {
	password, err := files(ctx, s, t, mac(i))
	for try := 1; err != nil && try < tries; try++ { // as phones do
		t.again.Add(1)
		password, err = files(ctx, s, t, mac(i))
	}
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	p, err := newPhone(s, t, name(i), password)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.transact("REGISTER", "sip:example.com", name(i), "Expires: 3600\r\n"); err != nil {
		return err
	}
	t.registers.Add(1)
	if err := p.transact("SUBSCRIBE", "sip:"+name(i)+"@example.com", name(i), "Event: message-summary\r\nAccept: application/simple-message-summary\r\nExpires: 3600\r\n"); err != nil {
		return err
	}
	t.subscribes.Add(1)
	for k := range lamps {
		whom := name((i + k + 1) % n)
		if err := p.transact("SUBSCRIBE", "sip:"+whom+"@example.com", whom, "Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 3600\r\n"); err != nil {
			return err
		}
		t.subscribes.Add(1)
	}
	return p.notified(1 + lamps)
}

// files fetches what a Yealink asks for, in its order, on one connection.
func files(ctx context.Context, s *server, t *totals, mac string) (password string, err error) {
	transport := &http.Transport{TLSClientConfig: s.tls}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 60 * time.Second}
	for _, path := range []string{mac + ".boot", "y000000000000.boot", "y000000000069.cfg", mac + ".cfg"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/%s", s.https, path), nil)
		if err != nil {
			return "", err
		}
		req.Header.Set("User-Agent", "Yealink SIP-T27G 69.86.0.15 "+mac)
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return "", err
		}
		t.files.Add(1)
		if want := map[bool]int{true: 404, false: 200}[strings.HasSuffix(path, ".boot")]; resp.StatusCode != want {
			return "", fmt.Errorf("%d for a file that should be %d", resp.StatusCode, want)
		}
		if m := passwordLine.FindSubmatch(b); m != nil {
			password = string(m[1])
		}
	}
	if password == "" {
		return "", errors.New("no password in them")
	}
	return password, nil
}

// phone is the SIP side. It answers NOTIFYs while it waits.
type phone struct {
	t              *totals
	conn           *net.UDPConn
	user, password string
	nonce          string
	nc, cseq       int
	answers        chan []byte
	mu             sync.Mutex
	heard          map[string]bool // Call-IDs of NOTIFYs
	more           chan struct{}
	done           sync.WaitGroup
}

func newPhone(s *server, t *totals, user, password string) (*phone, error) {
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.sip})
	if err != nil {
		return nil, err
	}
	p := &phone{t: t, conn: conn, user: user, password: password, answers: make(chan []byte, 64), heard: make(map[string]bool), more: make(chan struct{}, 1)}
	p.done.Go(p.read)
	return p, nil
}

func (p *phone) close() {
	_ = p.conn.Close()
	p.done.Wait()
}

func (p *phone) read() {
	buf := make([]byte, 65536)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m := bytes.Clone(buf[:n])
		if bytes.HasPrefix(m, []byte("SIP/2.0 ")) {
			select {
			case p.answers <- m:
			default:
			}
			continue
		}
		if bytes.HasPrefix(m, []byte("NOTIFY ")) {
			p.accept(string(m))
		}
	}
}

// accept answers a NOTIFY.
func (p *phone) accept(m string) {
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for _, line := range strings.Split(m, "\r\n") {
		for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
			if strings.HasPrefix(line, name) {
				b.WriteString(line + "\r\n")
			}
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	_, _ = p.conn.Write([]byte(b.String())) // it comes again when it is lost
	p.mu.Lock()
	defer p.mu.Unlock()
	if id := field(m, "Call-ID"); !p.heard[id] {
		p.heard[id] = true
		p.t.notifies.Add(1)
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

func field(m, name string) string {
	_, rest, _ := strings.Cut(m, "\r\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// notified waits until each subscription has had its first NOTIFY.
func (p *phone) notified(n int) error {
	limit := time.After(40 * time.Second)
	for {
		p.mu.Lock()
		heard := len(p.heard)
		p.mu.Unlock()
		if heard >= n {
			return nil
		}
		select {
		case <-p.more:
		case <-limit:
			return fmt.Errorf("%d of %d subscriptions are told something", heard, n)
		}
	}
}

// transact sends a request, again while nothing comes, and with credentials when
// asked.
func (p *phone) transact(method, uri, to, lines string) error {
	callID := fmt.Sprintf("%s-%d-%d", p.user, time.Now().UnixNano(), p.cseq)
	for range tries {
		p.cseq++
		m := p.request(method, uri, to, callID, lines)
		answer, err := p.exchange(m, fmt.Sprintf("%d %s", p.cseq, method))
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		code, _ := strconv.Atoi(answer[8:11])
		switch {
		case code == 401 || code == 407:
			p.nonce, p.nc = challenge(answer), 0
		case code == 503: // the server is busy, and says when to come again
			p.t.again.Add(1)
			after, _ := strconv.Atoi(field(answer, "Retry-After"))
			time.Sleep(time.Duration(max(1, after)) * time.Second)
		case code >= 300:
			return fmt.Errorf("%s: %s", method, answer[8:strings.Index(answer, "\r\n")])
		default:
			return nil
		}
	}
	return fmt.Errorf("%s: refused %d times", method, tries)
}

// challenge is the nonce for MD5.
func challenge(answer string) string {
	for _, line := range strings.Split(answer, "\r\n") {
		if strings.HasPrefix(line, "WWW-Authenticate:") || strings.HasPrefix(line, "Proxy-Authenticate:") {
			if strings.Contains(line, "algorithm=MD5") || !strings.Contains(line, "algorithm=") {
				if m := nonceOf.FindStringSubmatch(line); m != nil {
					return m[1]
				}
			}
		}
	}
	return ""
}

func (p *phone) request(method, uri, to, callID, lines string) string {
	local := p.conn.LocalAddr().String()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=%s\r\nTo: <sip:%s@example.com>\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\nUser-Agent: Yealink SIP-T27G 69.86.0.15\r\n%s", method, uri, local, callID, p.cseq, p.user, p.user, to,
		callID, p.cseq, method, p.user, local, lines)
	if p.nonce != "" {
		p.nc++
		count := fmt.Sprintf("%08x", p.nc)
		response := hash(hash(p.user+":example.com:"+p.password) + ":" + p.nonce + ":" + count + ":c0ffee:auth:" + hash(method+":"+uri))
		name := "Authorization"
		fmt.Fprintf(&b, "%s: Digest username=\"%s\", realm=\"example.com\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=MD5, cnonce=\"c0ffee\", qop=auth, nc=%s\r\n",
			name, p.user, p.nonce, uri, response, count)
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

func hash(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// exchange waits for the final answer with that CSeq.
func (p *phone) exchange(m, cseq string) (string, error) {
	wait := 500 * time.Millisecond
	for end := time.Now().Add(32 * time.Second); time.Now().Before(end); wait = min(2*wait, 4*time.Second) {
		if _, err := p.conn.Write([]byte(m)); err != nil {
			return "", err
		}
		again := time.After(wait)
	waiting:
		for {
			select {
			case a := <-p.answers:
				if s := string(a); field(s, "CSeq") == cseq && s[8] != '1' {
					return s, nil
				}
			case <-again:
				break waiting
			}
		}
	}
	return "", errors.New("no answer within 32 s")
}
