package certs

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
	"time"
)

// keys are a kind of keys, with the files in which a CA and a certificate of it lie.
type keys struct {
	authority, server string // names of files
	make              func() (crypto.Signer, error)
	usage             x509.KeyUsage // of the server's
}

// The CAs of the data folder, whose files are named so with ".pem" and "-key.pem".
const (
	Authority    = "ca"
	OldAuthority = "ca-rsa" // of phones that know RSA alone
)

var (
	newKeys = keys{Authority, "server", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }, x509.KeyUsageDigitalSignature}
	oldKeys = keys{OldAuthority, "server-rsa", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
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
