// Package fax hands documents to whatever sends faxes here: a program, or a service over
// HTTP. It fetches what requests name by uri: and brings along what came with them. What
// the sender says meanwhile is the status of the request; whether it went well is how
// the program ends, or what the service answers.
//
// It sends nothing by itself, and knows nothing of calls.
package fax

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tandem/pint"
	"tandem/pint/fetch"
)

// Config of a Machine: Program or URL must be set.
type Config struct {
	Program   string   // gets the number and the files as arguments, a Job as JSON on its input
	URL       string   // gets the same as multipart/form-data
	TokenFile string   // holds what is sent to the URL as bearer token, read each time; "" none
	Types     []string // media types that can be sent; default Types()
	Time      time.Duration
	AtOnce    int // documents sent at a time, default 4
	Fetch     *fetch.Fetcher
	Client    *http.Client // of the URL; default: one without proxy
}

// Types that are taken when nothing else is said.
func Types() []string { return []string{"application/pdf", "image/tiff", "text/plain"} }

// Job is what is to be sent, as the program and the service read it.
type Job struct {
	Session   string     `json:"session"`
	Service   string     `json:"service"`
	User      string     `json:"user"`
	Number    string     `json:"number"`
	From      string     `json:"from,omitempty"` // of fax-back: who has the content
	Language  string     `json:"language,omitempty"`
	Documents []Document `json:"documents"`
}

// Document is one piece, in the order of sending.
type Document struct {
	Media  string `json:"media,omitempty"`
	File   string `json:"file,omitempty"`   // its name
	Opaque string `json:"opaque,omitempty"` // content that only the telephone side knows (opr:)
}

// Machine implements executive.Fax.
type Machine struct {
	cfg   Config
	turns chan struct{}
}

// New makes a Machine. The error says what is wrong with the configuration.
func New(cfg Config) (*Machine, error) {
	if (cfg.Program == "") == (cfg.URL == "") {
		return nil, errors.New("set either a program or a URL")
	}
	if len(cfg.Types) == 0 {
		cfg.Types = Types()
	}
	if cfg.Time <= 0 {
		cfg.Time = 30 * time.Minute
	}
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = 4
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	return &Machine{cfg: cfg, turns: make(chan struct{}, cfg.AtOnce)}, nil
}

// Can implements executive.Fax.
func (m *Machine) Can(c pint.Content) error {
	if c.URI == "" && len(c.Part) == 0 { // opr:, which the fax machine has to know
		return nil
	}
	if !m.takes(c.Media) {
		return m.unfit(c.Media)
	}
	if c.URI != "" {
		if err := m.cfg.Fetch.Check(c.URI); err != nil {
			return pint.Refuse(606, "%v", err)
		}
	}
	return nil
}

func (m *Machine) takes(media string) bool {
	return slices.ContainsFunc(m.cfg.Types, func(t string) bool { return strings.EqualFold(t, media) })
}

func (m *Machine) unfit(media string) *pint.Refusal {
	return &pint.Refusal{Code: 415, Warn: 305, Text: fmt.Sprintf("Incompatible media format: %.40s: %s can be faxed", media, strings.Join(m.cfg.Types, ", "))}
}

// Send implements executive.Fax. The error is a *pint.Refusal when it says what to do.
func (m *Machine) Send(ctx context.Context, s pint.Session, to string, progress func(string)) error {
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, done := context.WithTimeout(ctx, m.cfg.Time)
	defer done()
	dir, err := os.MkdirTemp("", "tandem-fax-")
	if err != nil {
		return fmt.Errorf("making a folder for a document: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the folder for temporary files
	job := Job{Session: s.ID, Service: s.Service, User: string(s.By), Number: to, From: s.A.String(), Language: s.Language, Documents: []Document{}}
	for i, c := range s.Content {
		d, err := m.document(ctx, c, dir, i)
		if err != nil {
			return err
		}
		job.Documents = append(job.Documents, d)
	}
	if m.cfg.Program != "" {
		return m.run(ctx, job, dir, progress)
	}
	return m.post(ctx, job, dir, progress)
}

// endings of files, by media type.
var endings = map[string]string{"application/pdf": ".pdf", "image/tiff": ".tiff", "text/plain": ".txt", "text/html": ".html", "application/postscript": ".ps", "image/jpeg": ".jpg", "image/png": ".png"}

// document writes one piece into a file.
func (m *Machine) document(ctx context.Context, c pint.Content, dir string, n int) (Document, error) {
	if c.URI == "" && len(c.Part) == 0 {
		return Document{Media: c.Media, Opaque: c.Opaque}, nil
	}
	content, media := c.Part, c.Media
	if c.URI != "" {
		var err error
		if media, content, err = m.cfg.Fetch.Get(ctx, c.URI); err != nil {
			code := 502
			if errors.Is(err, fetch.ErrForbidden) {
				code = 606
			}
			return Document{}, pint.Refuse(code, "%v", err)
		}
		if !m.takes(media) {
			return Document{}, m.unfit(media)
		}
	}
	d := Document{Media: media, File: fmt.Sprintf("%d%s", n+1, endings[strings.ToLower(media)])}
	return d, os.WriteFile(filepath.Join(dir, d.File), content, 0o600)
}

// run has the program send. It is started in the folder of the files.
func (m *Machine) run(ctx context.Context, job Job, dir string, progress func(string)) error {
	args := []string{job.Number}
	for _, d := range job.Documents {
		if d.File != "" {
			args = append(args, filepath.Join(dir, d.File))
		}
	}
	input, err := json.Marshal(job)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, m.cfg.Program, args...)
	c.Dir, c.Stdin, c.WaitDelay = dir, bytes.NewReader(input), 5*time.Second
	var said bytes.Buffer
	c.Stderr = &limited{&said, 4096}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return pint.Refuse(501, "the fax program does not start: %v", err)
	}
	last := statuses(out, progress)
	if err := c.Wait(); err != nil {
		return pint.Refuse(502, "the fax was not sent: %v: %.120s", err, either(strings.TrimSpace(said.String()), last))
	}
	return nil
}

// post has the service send. What it answers line by line is the status.
func (m *Machine) post(ctx context.Context, job Job, dir string, progress func(string)) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	text, err := json.Marshal(job)
	if err != nil {
		return err
	}
	part := func(head textproto.MIMEHeader, content []byte) {
		w, _ := form.CreatePart(head) // a buffer takes everything
		_, _ = w.Write(content)
	}
	part(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="job"`}, "Content-Type": {"application/json"}}, text)
	for _, d := range job.Documents {
		if d.File == "" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, d.File))
		if err != nil {
			return err
		}
		part(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="document"; filename=%q`, d.File)}, "Content-Type": {d.Media}}, content)
	}
	_ = form.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.cfg.URL, &body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	if m.cfg.TokenFile != "" {
		token, err := os.ReadFile(m.cfg.TokenFile)
		if err != nil {
			return fmt.Errorf("reading the token of the fax service: %w", err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	res, err := m.cfg.Client.Do(r)
	if err != nil {
		return pint.Refuse(502, "the fax service does not answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 120))
		return pint.Refuse(502, "the fax was not sent: %s: %s", res.Status, pint.Plain(string(why)))
	}
	statuses(res.Body, progress)
	return nil
}

// statuses tells each line, and returns the last one.
func statuses(r io.Reader, progress func(string)) (last string) {
	lines := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			last = pint.Plain(text[:min(len(text), 120)])
			progress(last)
		}
	}
	_, _ = io.Copy(io.Discard, r) // a program that says too much must not wait for us
	return last
}

func either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// limited keeps the first octets of what is written.
type limited struct {
	to   *bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	l.to.Write(p[:min(len(p), max(0, l.most-l.to.Len()))])
	return len(p), nil
}
