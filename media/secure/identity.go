package secure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha1" // for fingerprints of peers
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"time"
)

// errFingerprint means that the certificate is not the one in the far side's SDP.
var errFingerprint = errors.New("certificate does not match the fingerprint in SDP")

// Identity is the certificate for DTLS, made at the start, and its fingerprint. All
// ways of printing it show only the fingerprint.
type Identity struct {
	Certificate       tls.Certificate
	Hash, Fingerprint string // sha-256, colon-separated upper-case hex
}

// NewIdentity makes a self-signed ECDSA P-256 certificate, which every browser accepts
// (RFC 8827 §6.5). Its dates do not matter: the fingerprint does.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a DTLS certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a DTLS certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "media"},
		NotBefore:    now.AddDate(0, 0, -1),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a DTLS certificate: %w", err)
	}
	return &Identity{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		Hash:        "sha-256",
		Fingerprint: colons(digest(crypto.SHA256, der)),
	}, nil
}

// String is the fingerprint.
func (i *Identity) String() string { return i.Hash + " " + i.Fingerprint }

// Format hides the private key from every verb.
func (i *Identity) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte(i.String())) }

// LogValue hides the private key from slog.
func (i *Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalText hides the private key from JSON and the like.
func (i *Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// hashNamed returns the hash for its name in a fingerprint (RFC 8122 §5). MD5 and MD2
// are refused. SHA-1 is accepted, because old endpoints send nothing else, and no
// certificate can be forged for a given SHA-1 yet.
func hashNamed(name string) (crypto.Hash, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "sha-1":
		return crypto.SHA1, true
	case "sha-224":
		return crypto.SHA224, true
	case "sha-256":
		return crypto.SHA256, true
	case "sha-384":
		return crypto.SHA384, true
	case "sha-512":
		return crypto.SHA512, true
	}
	return 0, false
}

// CheckFingerprint returns an error unless a certificate can be compared with a
// fingerprint of an SDP: its hash must be accepted and its length correct.
func CheckFingerprint(hash, fingerprint string) error {
	_, _, err := readFingerprint(hash, fingerprint)
	return err
}

func readFingerprint(hash, fingerprint string) (crypto.Hash, []byte, error) {
	h, ok := hashNamed(hash)
	if !ok {
		return 0, nil, fmt.Errorf("%w: its hash %.16q is not taken", errFingerprint, hash)
	}
	want, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(fingerprint), ":", ""))
	if err != nil || len(want) != h.Size() {
		return 0, nil, fmt.Errorf("%w: %.120q is not a %s", errFingerprint, fingerprint, h)
	}
	return h, want, nil
}

// matchFingerprint returns an error unless a certificate (DER) has the fingerprint.
func matchFingerprint(der []byte, hash, fingerprint string) error {
	h, want, err := readFingerprint(hash, fingerprint)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, digest(h, der)) != 1 {
		return fmt.Errorf("%w", errFingerprint)
	}
	return nil
}

func digest(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

func colons(b []byte) string {
	var out strings.Builder
	for i, octet := range b {
		if i > 0 {
			out.WriteByte(':')
		}
		fmt.Fprintf(&out, "%02X", octet)
	}
	return out.String()
}
