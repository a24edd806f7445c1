package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: cert, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// issue makes a certificate for a name and 127.0.0.1.
func (a *authority) issue(t testing.TB, serial int64, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*a.issue(t, 2, "sip.example.com")}}
}

func dialTLS(t testing.TB, to netip.AddrPort, cfg *tls.Config) (*client, *tls.Conn) {
	t.Helper()
	nc, err := tls.Dial("tcp", to.String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{Conn: nc, t: t}, nc
}

func TestTLSEcho(t *testing.T) {
	ca := newAuthority(t)
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TLS, TLS: ca.server(t)}}})
	c, _ := dialTLS(t, tr.Listeners()[0].Addr(), &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"})
	c.write(append(request("TLS", "x", "one"), request("TLS", "x", "two")...))
	c.expect(200, "one")
	c.expect(200, "two")
	long := strings.Repeat("z", 50000)
	c.write(request("TLS", "x", long))
	c.expect(200, long)
	c.write(ping)
	c.readPong()
	f := e.lastFlow()
	if f.Proto() != TLS || f.TLS() == nil || !f.TLS().HandshakeComplete || len(f.TLS().PeerCertificates) != 0 {
		t.Errorf("flow %v, TLS %+v", f, f.TLS())
	}
	tr.Send(f, request("TLS", "y", "from the server"), nil)
	if m, err := c.next(); err != nil || string(m.Body()) != "from the server" {
		t.Errorf("%v %v", m, err)
	}
	c.write([]byte("MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n\r\n"))
	if m, err := c.next(); err != nil || m.StatusCode() != 400 {
		t.Errorf("a message without Content-Length: %v %v", m, err)
	}
	c.expectEnd()
	eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 })
}

// A new certificate is shown to new connections; old ones go on.
func TestTLSReload(t *testing.T) {
	ca := newAuthority(t)
	var current atomic.Pointer[tls.Certificate]
	current.Store(ca.issue(t, 10, "sip.example.com"))
	cfg := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }}
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: TLS, TLS: cfg}}})
	to, ccfg := tr.Listeners()[0].Addr(), &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"}
	old, oldTLS := dialTLS(t, to, ccfg)
	old.write(request("TLS", "x", "before"))
	old.expect(200, "before")
	current.Store(ca.issue(t, 11, "sip.example.com"))
	fresh, freshTLS := dialTLS(t, to, ccfg)
	for _, c := range []*client{fresh, old} {
		c.write(request("TLS", "x", "after"))
		c.expect(200, "after")
	}
	serial := func(c *tls.Conn) int64 { return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() }
	if serial(oldTLS) != 10 || serial(freshTLS) != 11 {
		t.Errorf("old %d, new %d", serial(oldTLS), serial(freshTLS))
	}
}

func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	cfg := ca.server(t)
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TLS, TLS: cfg}}})
	to := tr.Listeners()[0].Addr()
	ccfg := &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"}

	nc, err := tls.Dial("tcp", to.String(), ccfg)
	if err == nil { // in TLS 1.3 the refusal comes with the first reading
		nc.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err = nc.Read(make([]byte, 1))
		nc.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}

	ccfg.Certificates = []tls.Certificate{*ca.issue(t, 20, "phone.example.com")}
	c, _ := dialTLS(t, to, ccfg)
	alias := strings.Replace(string(request("TLS", "x", "hello")), ";rport", ";alias", 1)
	c.write([]byte(strings.Replace(alias, "client.invalid", "client.invalid:5099", 1)))
	c.expect(200, "hello")
	f := e.lastFlow()
	if st := f.TLS(); st == nil || len(st.VerifiedChains) == 0 || st.PeerCertificates[0].Subject.CommonName != "phone.example.com" {
		t.Errorf("TLS state %+v", st)
	}
	// RFC 5923: requests to the sent-by of a peer that proved its name go back
	// over its own connection.
	at := netip.MustParseAddrPort("127.0.0.1:5099")
	if g, err := tr.Flow(Target{Proto: TLS, Addr: at, ServerName: "phone.example.com"}); err != nil || g != f {
		t.Errorf("by alias: %v, %v, want %v", g, err, f)
	}
	if g, err := tr.Flow(Target{Proto: TLS, Addr: at, ServerName: "other.example.com"}); err == nil && g == f {
		t.Error("the connection was taken for another server's")
	}
}

// A peer that has not proved anything cannot draw others' requests to itself.
func TestAliasNeedsProof(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	alias := strings.Replace(string(request("TCP", "x", "")), ";rport", ";alias", 1)
	c.write([]byte(strings.Replace(alias, "client.invalid", "client.invalid:5098", 1)))
	c.expect(200, "")
	if g, err := tr.Flow(Target{Proto: TCP, Addr: netip.MustParseAddrPort("127.0.0.1:5098")}); err == nil && g == e.lastFlow() {
		t.Error("an alias without proof was believed")
	}

	trusting := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}})
	c = dialTCP(t, trusting.Listeners()[0].Addr())
	c.write([]byte(strings.Replace(alias, "client.invalid", "client.invalid:5098", 1)))
	c.expect(200, "")
	f := e.lastFlow()
	eventually(t, "the alias of a trusted peer", func() bool {
		g, err := trusting.Flow(Target{Proto: TCP, Addr: netip.MustParseAddrPort("127.0.0.1:5098")})
		return err == nil && g == f
	})
}

func TestTLSDial(t *testing.T) {
	ca := newAuthority(t)
	e, far := &echo{}, &echo{}
	a := start(t, Config{Handler: e, ClientTLS: &tls.Config{RootCAs: ca.pool}, Listen: []Listen{{Proto: TLS, TLS: ca.server(t)}}})
	b := start(t, Config{Handler: far, Listen: []Listen{{Proto: TLS, TLS: ca.server(t)}}})
	to := Target{Proto: TLS, Addr: b.Listeners()[0].Addr()}
	flows := map[Flow]bool{}
	for _, name := range []string{"sip.example.com", "", "sip.example.com"} { // the certificate names both the host and the address
		to.ServerName = name
		f, err := a.Flow(to)
		if err != nil {
			t.Fatal(err)
		}
		flows[f] = true
		a.Send(f, request("TLS", "x", "hello "+name), nil)
	}
	eventually(t, "the answers", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.bodies) == 3 })
	if len(flows) != 2 {
		t.Errorf("%d connections for 2 names", len(flows))
	}
	to.ServerName = "impostor.example.com"
	f, err := a.Flow(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"before", "after"} {
		if when == "after" {
			eventually(t, "the end of the connection", func() bool { return !f.Alive() })
		}
		fail := newFailed()
		a.Send(f, request("TLS", "x", "secret"), fail)
		if err := fail.wait(t); !strings.Contains(err.Error(), "impostor.example.com") {
			t.Errorf("sent %s the impostor was known, told %v", when, err)
		}
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	if len(far.bodies) != 3 {
		t.Errorf("the impostor received %q", far.bodies)
	}
}
