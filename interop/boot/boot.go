// Package boot plays desk phones that boot: each asks for the files of its family
// in its order, naming itself as devices do, and reads them as the device would,
// by a reader of its own for each grammar. What it finds is what it registers
// with.
//
// It shares no code with the server and none with its templates.
package boot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Account is what a phone found out about one of its lines.
type Account struct {
	User, Login, Password string
	Domain                string // of its address
	Host                  string // where it sends REGISTER
	Port                  int
	Transport             string // udp, tcp or tls
}

// Key is a programmable key that a phone found.
type Key struct{ Kind, Target, Label string }

// Setup is all that a phone found.
type Setup struct {
	Accounts []Account
	Keys     []Key
	Login    string // user name for files, "" for none
	Password string // for files
	Clock    Clock
	Language string   // as the maker writes it
	Book     string   // URL of the phonebook
	CA       string   // URL of a certificate to trust, or the certificate
	Firmware string   // URL, path or name of what to load
	Pickup   string   // digits before the number of somebody whose call is taken
	Asked    []string // the files it asked for, in order
}

// ErrMissing is the answer to a request for a file that there is not.
var ErrMissing = errors.New("no such file")

// Ask asks for a file, by whatever the phone speaks. With a message it posts that, and
// gets the answer.
type Ask func(ctx context.Context, path string, message []byte) ([]byte, error)

// Phone is a family as it boots.
type Phone struct {
	Family  string
	Dialect string // of package device, in which it registers
	Agent   string // User-Agent of its requests for files; {mac} and {MAC}
	TFTP    bool   // it fetches over TFTP alone
	boot    func(b *booting) error
}

// Boot asks for the files of the phone with that MAC, twelve lower-case hex
// digits, and reads them.
func (p *Phone) Boot(ctx context.Context, mac string, ask Ask) (Setup, error) {
	b := &booting{ctx: ctx, mac: mac, ask: ask}
	err := p.boot(b)
	if err == nil && len(b.setup.Accounts) == 0 {
		err = errors.New("the files hold no line")
	}
	return b.setup, err
}

// UserAgent of the phone with that MAC.
func (p *Phone) UserAgent(mac string) string {
	return strings.NewReplacer("{mac}", mac, "{MAC}", strings.ToUpper(mac)).Replace(p.Agent)
}

// booting is a phone that boots.
type booting struct {
	ctx   context.Context
	mac   string
	ask   Ask
	setup Setup
}

// must fetches a file without which the phone does not come up.
func (b *booting) must(path string) (string, error) {
	b.setup.Asked = append(b.setup.Asked, path)
	text, err := b.ask(b.ctx, path, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(text), nil
}

// try fetches a file that the phone goes on without.
func (b *booting) try(path string) (string, error) {
	text, err := b.must(path)
	if errors.Is(err, ErrMissing) {
		return "", nil
	}
	return text, err
}

// lacks wants a file not to be there.
func (b *booting) lacks(paths ...string) error {
	for _, path := range paths {
		if text, err := b.try(path); err != nil {
			return err
		} else if text != "" {
			return fmt.Errorf("%s: there is one, and the phone would go another way", path)
		}
	}
	return nil
}

func (b *booting) upper() string { return strings.ToUpper(b.mac) }

func port(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return -1
	}
	return n
}

// hostPort splits "host:port".
func hostPort(s string) (string, int) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return s, 5060
	}
	return s[:at], port(s[at+1:])
}
