package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
)

// Old phones are told to trust the CA of what they are shown: none of ours any more when
// the certificate of the configuration is one of RSA, whatever lies in the data folder.
func TestCAOfOldPhones(t *testing.T) {
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.Phones.OldTLS = []string{"example.com"}, t.TempDir(), "127.0.0.1:0"
	var c Certificate
	if err := c.Need(&cfg); err != nil {
		t.Fatal(err)
	}
	old := c.OldCA(&cfg)
	if c.CA(&cfg) == "" || old == "" || old == c.CA(&cfg) {
		t.Fatalf("self-made: %d and %d octets of CAs", len(c.CA(&cfg)), len(old))
	}
	if shown := shownTo(t, &c); shown != old {
		t.Error("self-made: old phones are shown a certificate of another CA than they are given")
	}
	other := keys{"other", "theirs", oldKeys.make, oldKeys.usage}
	var err error
	if cfg.TLS.Certificate, cfg.TLS.Key, err = other.selfMade(cfg.Data, []string{"example.com"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, OldAuthority+".pem")); err != nil {
		t.Fatal(err)
	}
	if c.CA(&cfg) != "" || c.OldCA(&cfg) != "" {
		t.Error("phones are given CAs of ours, and are shown the certificate of another")
	}
}

// shownTo is the PEM of the CA in the chain that old phones are shown.
func shownTo(t *testing.T, c *Certificate) string {
	t.Helper()
	conf, err := c.OldPhones("")
	if err != nil {
		t.Fatal(err)
	}
	chain, err := conf.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(chain.Certificate[len(chain.Certificate)-1])
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
}

// A file that holds no CA is told with the key that names it, and phones need not have a
// certificate that others must.
func TestClientCA(t *testing.T) {
	cfg := config.Default()
	cfg.Domains, cfg.Data = []string{"example.com"}, t.TempDir()
	var c Certificate
	if err := c.Need(&cfg); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(cfg.Data, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		key  string
		conf func(string) (*tls.Config, error)
		how  tls.ClientAuthType
	}{
		{"client_ca", c.Server, tls.RequireAndVerifyClientCert},
		{"phones.client_ca", c.Phones, tls.VerifyClientCertIfGiven},
		{"phones.client_ca", c.OldPhones, tls.VerifyClientCertIfGiven},
	} {
		for _, file := range []string{empty, empty + ".gone"} {
			if _, err := w.conf(file); err == nil || !strings.Contains(err.Error(), w.key) {
				t.Errorf("%s: %v", w.key, err)
			}
		}
		conf, err := w.conf(filepath.Join(cfg.Data, Authority+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		for _, tolerant := range []bool{false, true} {
			c.tolerant.Store(tolerant)
			offered := conf
			if conf.GetConfigForClient != nil {
				if other, _ := conf.GetConfigForClient(nil); other != nil {
					offered = other
				}
			}
			if offered.ClientAuth != w.how || offered.ClientCAs == nil {
				t.Errorf("%s, tolerant %v: a client certificate is asked for by %v", w.key, tolerant, offered.ClientAuth)
			}
		}
	}
}
