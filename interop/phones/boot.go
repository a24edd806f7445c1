package phones

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"tandem/interop/process"
)

// Bootable is a baresip that knows its MAC, where its files are and whom to trust,
// and nothing else, as a desk phone out of the box.
type Bootable struct {
	MAC   string
	URL   string // of the files, ends in /
	CA    string // PEM file that vouches for the server
	Login string // password for the files, "" for none
}

// Fetch gets the files into dir.
func (b *Bootable) Fetch(ctx context.Context, dir string) error {
	pem, err := os.ReadFile(b.CA)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	for _, name := range []string{"config", "accounts", "contacts", "ca.pem"} {
		if err := b.get(ctx, &client, "baresip/"+b.MAC+"/"+name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bootable) get(ctx context.Context, client *http.Client, path, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "baresip/1.0.0 "+b.MAC)
	if b.Login != "" {
		req.SetBasicAuth(b.MAC, b.Login)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("getting %s: %s: %s", path, resp.Status, body)
	}
	return os.WriteFile(to, body, 0o600)
}

var controlPort = regexp.MustCompile(`(?m)^ctrl_tcp_listen\s+127\.0\.0\.1:(\d+)`)

// Start starts baresip on what is in dir.
func (b *Bootable) Start(ctx context.Context, dir string) (*Baresip, error) {
	path, err := process.Find("baresip")
	if err != nil {
		return nil, err
	}
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return nil, err
	}
	m := controlPort.FindSubmatch(config)
	if m == nil {
		return nil, fmt.Errorf("the configuration names no control port:\n%s", config)
	}
	port, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return nil, err
	}
	p := &Baresip{dir: dir}
	if p.program, err = process.Start(process.Command{Path: path, Args: []string{"-s", "-f", dir}, Dir: dir}); err != nil {
		return nil, err
	}
	if err := p.connect(ctx, port); err != nil {
		p.program.Kill()
		return nil, fmt.Errorf("%w\n%s", err, p.program.Out.Tail(40))
	}
	return p, nil
}

// Hears waits for a SIP message that the program gets or sends, by a line of it.
func (b *Baresip) Hears(ctx context.Context, line *regexp.Regexp) error {
	_, _, err := b.program.Out.Wait(ctx, 0, line)
	if err != nil {
		return fmt.Errorf("baresip: %w\n%s", err, b.Transcript())
	}
	return nil
}

// Keys are the keys that it shows.
func (b *Baresip) Keys(ctx context.Context) (string, error) {
	if err := b.command("contacts", ""); err != nil {
		return "", err
	}
	return b.event(ctx, "ANSWER true")
}

// PressKey calls whom its first key names.
func (b *Baresip) PressKey() error { return b.command("dialcontact", "") }
