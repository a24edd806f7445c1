// Package invite sets softphones up by a link or its QR code: whoever opens it
// first, within its time, gets the settings of a new device of the user, in the
// form of Linphone's remote provisioning, which other softphones read, too.
//
// It keeps links in memory alone: after a restart new ones are made.
package invite

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"tandem/rtc"
)

// Path is where links lead, below the address of the files.
const Path = "softphone/"

// Bounds.
const (
	life     = 24 * time.Hour // of a link
	maxLinks = 10000
)

// ErrTooMany is the error of one link too many.
var ErrTooMany = errors.New("too many links wait to be opened")

// Account is what a softphone is told.
type Account struct {
	User, Domain, Name, Password string
	Host, Transport              string
	Port                         int
	Expires                      time.Duration
}

// Config of Links.
type Config struct {
	// Account makes a new device of a user and tells what to set.
	Account func(ctx context.Context, user rtc.AOR) (Account, error)
}

// Links are the links that wait to be opened.
type Links struct {
	cfg Config

	mu   sync.Mutex
	open map[string]link
}

type link struct {
	user  rtc.AOR
	until time.Time
}

// New makes Links.
func New(cfg Config) *Links { return &Links{cfg: cfg, open: make(map[string]link)} }

// Make makes a link for a user: the end of its path, and until when it is good.
func (l *Links) Make(user rtc.AOR) (path string, until time.Time, err error) {
	token, now := rand.Text(), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for t, k := range l.open {
		if now.After(k.until) {
			delete(l.open, t)
		}
	}
	if len(l.open) >= maxLinks {
		return "", until, fmt.Errorf("%w: there may be %d; wait until some end", ErrTooMany, maxLinks)
	}
	until = now.Add(life)
	l.open[token] = link{user, until}
	return Path + token, until, nil
}

// take ends a link and tells whose it was.
func (l *Links) take(token string) (rtc.AOR, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.open[token]
	delete(l.open, token)
	return k.user, ok && time.Now().Before(k.until)
}

// ServeHTTP implements http.Handler.
func (l *Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // looking at the head of it must not use it up
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	user, ok := l.take(strings.TrimPrefix(r.URL.Path, "/"+Path))
	if !ok {
		http.Error(w, "this link was used or has ended; ask for another one", http.StatusNotFound)
		return
	}
	a, err := l.cfg.Account(r.Context(), user)
	if err != nil {
		http.Error(w, "no device could be made; ask for another link", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(settings(a)) // a softphone that has gone asks for another link
}

type section struct {
	Name    string  `xml:"name,attr"`
	Entries []entry `xml:"entry"`
}

type entry struct {
	Name      string `xml:"name,attr"`
	Overwrite bool   `xml:"overwrite,attr"`
	Value     string `xml:",chardata"`
}

// settings are in the form of Linphone.
func settings(a Account) []byte {
	list := func(pairs ...string) (out []entry) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, entry{pairs[i], true, pairs[i+1]})
		}
		return out
	}
	identity := "sip:" + a.User + "@" + a.Domain
	if a.Name != "" {
		identity = `"` + strings.NewReplacer(`"`, "", `\`, "").Replace(a.Name) + `" <` + identity + ">"
	}
	config := struct {
		XMLName  xml.Name  `xml:"http://www.linphone.org/xsds/lpconfig.xsd config"`
		Sections []section `xml:"section"`
	}{Sections: []section{
		{"proxy_0", list("reg_identity", identity, "reg_proxy", fmt.Sprintf("<sip:%s:%d;transport=%s>", a.Host, a.Port, a.Transport),
			"reg_expires", fmt.Sprint(int(a.Expires/time.Second)), "reg_sendregister", "1", "publish", "1")},
		{"auth_info_0", list("username", a.User, "passwd", a.Password, "realm", a.Domain, "domain", a.Domain)},
		{"sip", list("default_proxy", "0", "media_encryption", "srtp")},
	}}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	_ = xml.NewEncoder(&b).Encode(config) // a buffer takes everything
	return b.Bytes()
}

// QR draws a text as a QR code of half blocks, for a terminal with any colours.
func QR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("drawing a QR code: %w", err)
	}
	const margin = 2
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		for x := -margin; x < code.Size+margin; x++ {
			switch up, down := code.Black(x, y), code.Black(x, y+1); {
			case up && down:
				b.WriteByte(' ')
			case up:
				b.WriteString("▄")
			case down:
				b.WriteString("▀")
			default:
				b.WriteString("█")
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
