package api

import (
	"crypto/tls"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// A phone that knows CBC suites alone is let in only where the configuration says so.
func TestOldCiphersAreRefusedByDefault(t *testing.T) {
	for _, old := range []bool{false, true} {
		s := harness.Running(t, func(cfg *config.Config) {
			cfg.Listen, cfg.TLS.OldCiphers = []config.Listen{{Proto: "tls", Addr: "127.0.0.1:0"}}, old
		})
		for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256} {
			c, err := tls.Dial("tcp", s.Transport().Listeners()[0].Addr().String(),
				&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			if want := old || suite == tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; (err == nil) != want {
				t.Errorf("old ciphers %v, %s: %v", old, tls.CipherSuiteName(suite), err)
			}
			if err == nil {
				c.Close()
			}
		}
	}
}
