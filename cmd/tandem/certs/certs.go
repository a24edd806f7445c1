// Package certs has the certificates of this machine: the configured one, or one that it
// makes and signs with a CA of its own, which lies in the data folder; for old phones one
// of RSA besides. It owns what TLS listeners and clients offer: versions, suites, whom
// they ask for a certificate. Who has proved what by one is others' matter.
package certs

import (
	"cmp"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"tandem/cmd/tandem/config"
)

// Certificate serves the current certificate to new handshakes; Load swaps
// it while flows go on. The zero value has none until Load or Need.
type Certificate struct {
	current  atomic.Pointer[tls.Certificate]
	old      atomic.Pointer[tls.Certificate] // for phones that know RSA alone; nil: current
	tolerant atomic.Bool                     // of old cipher suites
}

// Current is the certificate served now, nil before it was loaded.
func (c *Certificate) Current() *tls.Certificate { return c.current.Load() }

// Need loads the certificate unless that was done.
func (c *Certificate) Need(cfg *config.Config) error {
	if c.Current() != nil {
		return nil
	}
	return c.Load(cfg)
}

// Load reads the configured files, or makes and signs a certificate with the
// self-made CA of the data folder.
func (c *Certificate) Load(cfg *config.Config) error {
	certFile, keyFile := cfg.TLS.Certificate, cfg.TLS.Key
	if certFile == "" {
		var err error
		if certFile, keyFile, err = newKeys.selfMade(cfg.Data, HostNames(cfg)); err != nil {
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
func (c *Certificate) loadOld(cfg *config.Config, pair *tls.Certificate) error {
	if _, is := pair.PrivateKey.(*rsa.PrivateKey); is || cfg.Phones.OldTLS == "" {
		c.old.Store(nil)
		return nil
	}
	certFile, keyFile, err := oldKeys.selfMade(cfg.Data, HostNames(cfg))
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

// Server is the TLS configuration of a listener; clientCA "" asks for no
// client certificate.
func (c *Certificate) Server(clientCA string) (*tls.Config, error) {
	return c.asking("client_ca", clientCA, tls.RequireAndVerifyClientCert)
}

// Phones is that of a listener for phones. It asks for a certificate where makers' CAs
// are known, and takes none as well: a phone may have a password instead.
func (c *Certificate) Phones(clientCA string) (*tls.Config, error) {
	return c.asking("phones.client_ca", clientCA, tls.VerifyClientCertIfGiven)
}

// OldPhones is that of the listener for phones that know no TLS 1.2, and RSA alone.
func (c *Certificate) OldPhones(clientCA string) (*tls.Config, error) {
	t, err := c.Phones(clientCA)
	if err != nil {
		return nil, err
	}
	t.MinVersion, t.GetConfigForClient = tls.VersionTLS10, nil // whose suites are the new ones
	t.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return cmp.Or(c.old.Load(), c.current.Load()), nil
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(suite.Name, "RC4") {
			t.CipherSuites = append(t.CipherSuites, suite.ID)
		}
	}
	return t, nil
}

// asking is the configuration of a listener that asks for certificates of a CA in this
// way. The key of the configuration is for the error.
func (c *Certificate) asking(key, clientCA string, how tls.ClientAuthType) (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites(false),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
	if clientCA != "" {
		pool, err := poolOf(key, clientCA)
		if err != nil {
			return nil, err
		}
		t.ClientCAs, t.ClientAuth = pool, how
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

// poolOf are the CAs of a file that a key of the configuration names.
func poolOf(key, file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s: %s holds no PEM certificate", key, file)
	}
	return pool, nil
}

// Client verifies servers we connect to, and shows them the current certificate.
func (c *Certificate) Client(cfg *config.Config) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites(cfg.TLS.OldCiphers), RootCAs: Authorities(cfg), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return cmp.Or(c.Current(), &tls.Certificate{}), nil
	}}
}

// Authorities are the CAs by which servers we connect to are verified: the
// system's and our own.
func Authorities(cfg *config.Config) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if b, err := os.ReadFile(filepath.Join(cfg.Data, Authority+".pem")); err == nil {
		pool.AppendCertsFromPEM(b)
	}
	return pool
}

// CA is the PEM of the CA that vouches for the current certificate, as phones are given
// it; "" when the certificate was not made here.
func (c *Certificate) CA(cfg *config.Config) string {
	if cfg.TLS.Certificate != "" {
		return ""
	}
	return authority(cfg, Authority)
}

// OldCA is that of the certificate for old phones; "" when they are shown the current
// one, whatever an earlier configuration has left in the data folder.
func (c *Certificate) OldCA(cfg *config.Config) string {
	if c.old.Load() == nil {
		return ""
	}
	return authority(cfg, OldAuthority)
}

// authority is the PEM of a CA of the data folder, "" when there is none.
func authority(cfg *config.Config, name string) string {
	b, err := os.ReadFile(filepath.Join(cfg.Data, name+".pem"))
	if err != nil {
		return ""
	}
	return string(b)
}
