package suite

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Trust is how the certificate of a server called host is checked: by the CA in
// a PEM file, or by those of the system when ca is empty.
func Trust(ca, host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host}
	if ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", ca)
	}
	return c, nil
}
