package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"tandem/cmd/tandem/config"
)

// certificate serves the current certificate to new handshakes; Reload swaps
// it while flows go on.
type certificate struct {
	current  atomic.Pointer[tls.Certificate]
	old      atomic.Pointer[tls.Certificate] // for phones that know RSA alone; nil: current
	tolerant atomic.Bool                     // of old cipher suites
}

// load reads the configured files, or makes and signs a certificate with the
// self-made CA of the data folder.
func (c *certificate) load(cfg *config.Config) error {
	certFile, keyFile := cfg.TLS.Certificate, cfg.TLS.Key
	if certFile == "" {
		var err error
		if certFile, keyFile, err = newKeys.selfMade(cfg.Data, hostNames(cfg)); err != nil {
			return fmt.Errorf("making a certificate in %s: %w", cfg.Data, err)
		}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("reading the TLS certificate: %w; tls.certificate and tls.key must be readable PEM files that belong together", err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("the certificate %s expired on %s; renew it, or remove tls.certificate to use a self-made one", certFile, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	if err := c.loadOld(cfg, &pair); err != nil {
		return err
	}
	c.current.Store(&pair)
	c.tolerant.Store(cfg.TLS.OldCiphers)
	return nil
}

// loadOld makes a certificate of RSA, by a CA of RSA, for the listener for old phones, where
// there is one and the other certificate is of another kind.
func (c *certificate) loadOld(cfg *config.Config, pair *tls.Certificate) error {
	if _, is := pair.PrivateKey.(*rsa.PrivateKey); is || cfg.Phones.OldTLS == "" {
		c.old.Store(nil)
		return nil
	}
	certFile, keyFile, err := oldKeys.selfMade(cfg.Data, hostNames(cfg))
	if err != nil {
		return fmt.Errorf("making a certificate for old phones in %s: %w", cfg.Data, err)
	}
	old, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate for old phones: %w", err)
	}
	c.old.Store(&old)
	return nil
}

// server is the TLS configuration of a listener; clientCA "" asks for no
// client certificate.
func (c *certificate) server(clientCA string) (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites(false),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
	if clientCA != "" {
		pool := x509.NewCertPool()
		b, err := os.ReadFile(clientCA)
		if err != nil {
			return nil, fmt.Errorf("reading client_ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("client_ca: %s holds no PEM certificate", clientCA)
		}
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	tolerant := t.Clone()
	tolerant.CipherSuites = suites(true)
	t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if c.tolerant.Load() {
			return tolerant, nil
		}
		return nil, nil // t
	}
	return t, nil
}

// machineNames are the host names, besides domains and addresses, by which
// phones may know this server: an outbound proxy in their settings.
func machineNames(cfg *config.Config) []string {
	names := append([]string(nil), cfg.Names...)
	if h, err := os.Hostname(); err == nil && h != "" {
		names = append(names, h)
	}
	return append(names, "localhost")
}

// hostNames are the names and addresses a self-made certificate speaks for:
// the domains, what is advertised, this host's name and addresses.
func hostNames(cfg *config.Config) []string {
	seen := map[string]bool{}
	var names []string
	add := func(n string) {
		if n != "" && !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	for _, d := range cfg.Domains {
		add(d)
	}
	for _, l := range cfg.Listen {
		host := l.Advertise
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		add(host)
	}
	for _, n := range machineNames(cfg) {
		add(n)
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			add(n.IP.String())
		}
	}
	return names
}

// keys are a kind of keys, with the files in which a CA and a certificate of it lie.
type keys struct {
	authority, server string // names of files, without ".pem" and "-key.pem"
	make              func() (crypto.Signer, error)
	usage             x509.KeyUsage // of the server's
}

// oldAuthority is the name of the CA of phones that know RSA alone.
const oldAuthority = "ca-rsa"

var (
	newKeys = keys{"ca", "server", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }, x509.KeyUsageDigitalSignature}
	oldKeys = keys{oldAuthority, "server-rsa", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
)

// SelfMade returns certificate and key files of another machine that has names, as a
// gateway's, signed by the CA of the folder; all are made when missing. whose begins the
// names of the files.
func SelfMade(dir, whose string, names []string) (certFile, keyFile string, err error) {
	k := newKeys
	k.server = whose
	return k.selfMade(dir, names)
}

// selfMade returns certificate and key files for names, signed by the CA of
// the folder; both are made when missing and the certificate is renewed 30
// days before its end or when a name is new.
func (k keys) selfMade(dir string, names []string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(dir, k.server+".pem"), filepath.Join(dir, k.server+"-key.pem")
	if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil && covers(pair.Leaf, names) {
		return certFile, keyFile, nil
	}
	ca, err := k.ca(dir)
	if err != nil {
		return "", "", err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]}, // some desk phones read the CN only
		NotAfter:    time.Now().AddDate(1, 0, 0),
		KeyUsage:    k.usage,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	return certFile, keyFile, k.issue(t, ca, certFile, keyFile)
}

func covers(leaf *x509.Certificate, names []string) bool {
	for _, n := range names {
		if leaf.VerifyHostname(n) != nil {
			return false
		}
	}
	return time.Until(leaf.NotAfter) > 30*24*time.Hour
}

// ca is the CA of the folder, made when missing. Its certificate is what phones are given
// to trust.
func (k keys) ca(dir string) (*tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, k.authority+".pem"), filepath.Join(dir, k.authority+"-key.pem")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil {
		return &pair, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the CA: %w; move %s and %s away to make a new one", err, certFile, keyFile)
	}
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Tandem self-made CA"},
		NotAfter:              time.Now().AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := k.issue(t, nil, certFile, keyFile); err != nil {
		return nil, err
	}
	pair, err = tls.LoadX509KeyPair(certFile, keyFile)
	return &pair, err
}

// issue signs t by ca (nil: by itself) and writes both PEM files, the key
// readable by the owner only.
func (k keys) issue(t *x509.Certificate, ca *tls.Certificate, certFile, keyFile string) error {
	key, err := k.make()
	if err != nil {
		return err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	t.NotBefore = time.Now().Add(-time.Hour) // for phones whose clock is behind
	parent, signer := t, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if ca != nil {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})...)
	}
	return os.WriteFile(certFile, chain, 0o644)
}
