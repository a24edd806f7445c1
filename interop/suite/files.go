package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/boot"
	"tandem/interop/device"
)

// maxFile bounds what a phone takes as one file.
const maxFile = 1 << 20

// files is what phones fetch with. One connection is made anew for each file, as
// phones do.
var files = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get is a phone's way to a file.
func (b *bench) get(ctx context.Context, over, agent, path string, message []byte) ([]byte, error) {
	if over == "tftp" {
		return boot.TFTP(ctx, b.target.TFTP.String(), path, "blksize", "1428")
	}
	method := http.MethodGet
	if message != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+b.target.HTTP.String()+"/"+path, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", agent)
	resp, err := files.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxFile))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound:
		return nil, boot.ErrMissing
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return text, nil
}

// fetch has a phone ask for one file.
func (b *bench) fetch(ctx context.Context, d *actor, f *behaviour.Fetch) error {
	path, agent := b.fill(ctx, d, f.Path), b.fill(ctx, d, f.Agent)
	text, err := b.get(ctx, f.Over, agent, path, nil)
	if f.Missing {
		if !errors.Is(err, boot.ErrMissing) {
			return fmt.Errorf("there should be no file %s: %v, %q", path, err, text)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := b.matches(ctx, d, f.Match, string(text)); err != nil {
		return fmt.Errorf("%s: %w; it is %q", path, err, text)
	}
	return nil
}

// retry is how long a phone waits that got no file over TFTP. A server bears so many
// requests of one address and answers others as if nothing was there; all phones here have
// one address.
const retry = 5 * time.Second

// fetched is what the files of a phone hold. Over TFTP it tries again, as phones do.
func (b *bench) fetched(ctx context.Context, p boot.Phone, over string) (boot.Setup, error) {
	limited, cancel := context.WithTimeout(ctx, b.target.patience())
	defer cancel()
	for {
		setup, err := p.Boot(ctx, b.mac, func(ctx context.Context, path string, message []byte) ([]byte, error) {
			return b.get(ctx, over, p.UserAgent(b.mac), path, message)
		})
		if !p.TFTP || !errors.Is(err, boot.ErrMissing) {
			return setup, err
		}
		select {
		case <-time.After(retry):
		case <-limited.Done():
			return setup, err
		}
	}
}

// boot has a phone of a family start as out of the box: the operator has added it,
// it fetches its files and registers with what they hold.
func (b *bench) boot(ctx context.Context, d *actor, family string) error {
	phones := boot.Phones()
	i := slices.IndexFunc(phones, func(p boot.Phone) bool { return p.Family == family })
	if i < 0 {
		return fmt.Errorf("no phone of family %s is known that boots from files", family)
	}
	p := phones[i]
	over := "http"
	if p.TFTP {
		over = "tftp"
	}
	setup, err := b.fetched(ctx, p, over)
	if err != nil {
		return fmt.Errorf("booting: %w", err)
	}
	a := setup.Accounts[0]
	if want := b.accounts[d.who].User; a.User != want {
		return fmt.Errorf("the files give the line %s, it should be %s", a.User, want)
	}
	words, err := device.Find(p.Dialect)
	if err != nil {
		return err
	}
	b.booted = device.New(words, d.Endpoint, device.Identity{User: a.User, Password: a.Password, Domain: a.Domain}, b.target.patience())
	return b.booted.Register(ctx)
}
