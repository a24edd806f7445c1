// Package camara is the Click-to-Dial interface of CAMARA (vwip of ClickToDial,
// after r2.1) as a door of PINT: the caller is called first, then the callee, and
// they are joined. Events go to the sink of a call as CloudEvents.
//
// Who calls the interface, and with which permissions, it is told; policy, limits
// and records are those of the executive. A call that was recorded is given as text in
// JSON, when it has ended.
package camara

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/party"
	"tandem/rtc"
)

// Base is the path of the interface.
const Base = "/camara/click-to-dial/vwip"

// Client is who calls the interface.
type Client struct {
	Name        string
	Read, Write bool // may look at calls; may make and end them
}

// Config of a Handler.
type Config struct {
	Executive *executive.Executive
	Client    func(context.Context) Client
	// Owner finds the user whose number it is, in E.164: the rights of that user
	// are used.
	Owner func(number string) (rtc.AOR, bool)
	// Recording opens the file of a recording by its name.
	Recording func(name string) (io.ReadCloser, error)
	// Audit keeps what clients ask for.
	Audit Recorder
}

// Recorder keeps who changes what, before it is done and with what became of it. A Log of
// audit is one.
type Recorder interface {
	// Begin keeps that a change is about to be made; its error prevents the change.
	Begin(ctx context.Context, who, operation, resource string, before any) (id int64, err error)
	Done(ctx context.Context, id int64, after any) error
	Failed(ctx context.Context, id int64, why error) error
}

// Handler serves the interface.
type Handler struct {
	cfg Config
	mux *http.ServeMux
}

// New makes a Handler.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST "+Base+"/calls", h.create)
	h.mux.HandleFunc("GET "+Base+"/calls/{id}", h.show)
	h.mux.HandleFunc("DELETE "+Base+"/calls/{id}", h.end)
	h.mux.HandleFunc("GET "+Base+"/calls/{id}/recording", h.recording)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "NOT_FOUND", "there is no such resource")
	})
	return h
}

// correlator is what x-correlator may be.
var correlator = regexp.MustCompile(`^[a-zA-Z0-9\-_:;./<>{}]{0,256}$`)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get("x-correlator"); id != "" {
		if !correlator.MatchString(id) {
			h.refused(w, r, http.StatusBadRequest, "INVALID_ARGUMENT", "x-correlator has characters that it may not have")
			return
		}
		w.Header().Set("x-correlator", id)
	}
	c := h.cfg.Client(r.Context())
	if !c.Write && (r.Method != http.MethodGet || !c.Read) {
		h.refused(w, r, http.StatusForbidden, "PERMISSION_DENIED", "the token does not have the scope pint:read or pint:write that this needs")
		return
	}
	h.mux.ServeHTTP(w, r)
}

// Number is a party.
type Number struct {
	Number string `json:"number"`
}

// creation asks for a call.
type creation struct {
	Caller     Number      `json:"caller"`
	Callee     Number      `json:"callee"`
	Sink       string      `json:"sink"`
	Credential *Credential `json:"sinkCredential"`
	Recording  bool        `json:"recordingEnabled"`
}

// Credential is what the sink wants to see.
type Credential struct {
	Type      string    `json:"credentialType"`
	Token     string    `json:"accessToken"`
	Expires   time.Time `json:"accessTokenExpiresUtc"`
	TokenType string    `json:"accessTokenType"`
}

// call is a call as shown.
type call struct {
	ID        string    `json:"callId"`
	Caller    Number    `json:"caller"`
	Callee    Number    `json:"callee"`
	Status    string    `json:"status"`
	Created   time.Time `json:"createdAt"`
	Recording bool      `json:"recordingEnabled"`
}

func shown(s *pint.Session) call {
	return call{ID: s.ID, Caller: Number{s.B.Number}, Callee: Number{s.A.Number}, Status: status(s.State), Created: s.Created, Recording: s.Record}
}

// info is an error as CAMARA writes it.
type info struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, info{status, code, message})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

// e164 is a number as CAMARA has it.
var e164 = regexp.MustCompile(`^\+[1-9]\d{1,14}$`)

// maxBody is the largest request.
const maxBody = 64 << 10

// read reads a request. The error is what is wrong with it.
func read(body io.Reader) (c creation, code string, err error) {
	d := json.NewDecoder(io.LimitReader(body, maxBody))
	if err := d.Decode(&c); err != nil {
		return c, "INVALID_ARGUMENT", errors.New("the body is not the JSON of a call")
	}
	switch {
	case !e164.MatchString(c.Caller.Number) || !e164.MatchString(c.Callee.Number):
		return c, "INVALID_PHONE_NUMBER", errors.New("caller and callee are numbers in E.164, such as +49301234567")
	case c.Caller.Number == c.Callee.Number:
		return c, "SAME_CALLER_CALLEE", errors.New("caller and callee are the same number")
	}
	if c.Sink != "" {
		if u, err := url.Parse(c.Sink); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || len(c.Sink) > 2048 {
			return c, "INVALID_ARGUMENT", errors.New("sink is not a URL such as https://endpoint.example.com/sink")
		}
	}
	if k := c.Credential; k != nil {
		switch {
		case c.Sink == "" || k.Type != "ACCESSTOKEN" || k.Token == "" || !strings.EqualFold(k.TokenType, "bearer") || len(k.Token) > 8192 || strings.ContainsAny(k.Token, "\r\n"):
			return c, "INVALID_ARGUMENT", errors.New("sinkCredential is an ACCESSTOKEN of type bearer, for a sink")
		case time.Now().After(k.Expires):
			return c, "INVALID_ARGUMENT", errors.New("the access token of sinkCredential has expired")
		}
	}
	return c, "", nil
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) {
	c, code, err := read(r.Body)
	if err != nil {
		at := http.StatusUnprocessableEntity
		if code == "INVALID_ARGUMENT" {
			at = http.StatusBadRequest
		}
		h.refused(w, r, at, code, err.Error())
		return
	}
	row, ok := h.begin(w, r, "ask-pint-call", "pint/calls", map[string]string{"caller": c.Caller.Number, "callee": c.Callee.Number})
	if !ok {
		return
	}
	made, err := h.take(r.Context(), &c)
	if err = h.finish(r.Context(), row, shown(&made), err); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Location", Base+"/calls/"+made.ID)
	write(w, http.StatusCreated, shown(&made))
}

// begin writes the audit row of a change. Without one the change is not made.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, operation, resource string, before any) (row int64, ok bool) {
	row, err := h.cfg.Audit.Begin(r.Context(), h.cfg.Client(r.Context()).Name, operation, resource, before)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the request could not be recorded: ask again")
	}
	return row, err == nil
}

// refused says why a request is not looked into, and records that when it wants something
// changed.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	operation := map[string]string{http.MethodPost: "ask-pint-call", http.MethodDelete: "cancel-pint-call"}[r.Method]
	if operation != "" {
		resource := "pint" + strings.TrimPrefix(r.URL.Path, Base)
		row, ok := h.begin(w, r, operation, resource, nil)
		if !ok {
			return
		}
		if err := h.cfg.Audit.Failed(context.WithoutCancel(r.Context()), row, errors.New(code+": "+message)); err != nil {
			fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the request could not be recorded: ask again")
			return
		}
	}
	fail(w, status, code, message)
}

// finish records what became of a change, also when the client has gone. The error is
// err, or that of the record.
func (h *Handler) finish(ctx context.Context, row int64, after any, err error) error {
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		return errors.Join(err, h.cfg.Audit.Failed(ctx, row, err))
	}
	return h.cfg.Audit.Done(ctx, row, after)
}

// errNobody is that a caller's number has no owner.
var errNobody = errors.New("the caller's number is not one of a user of this server: have it entered with: tandem pint numbers add")

// take has the executive take a call on, and returns when it is on disk.
func (h *Handler) take(ctx context.Context, c *creation) (pint.Session, error) {
	owner, ok := h.cfg.Owner(c.Caller.Number)
	if !ok {
		return pint.Session{}, errNobody
	}
	o := pint.Order{Service: "R2C", Door: pint.CAMARA, By: owner, Client: h.cfg.Client(ctx).Name,
		A: party.Party{Number: c.Callee.Number}, B: party.Party{Number: c.Caller.Number}, First: "b", Record: c.Recording, Sink: pint.Sink{URL: c.Sink}}
	if c.Credential != nil {
		o.Sink.Token = c.Credential.Token
	}
	type outcome struct {
		s   pint.Session
		err error
	}
	kept := make(chan outcome, 1)
	if err := h.cfg.Executive.Accept(o, true, func(s pint.Session, err error) { kept <- outcome{s, err} }); err != nil {
		return pint.Session{}, err
	}
	got := <-kept // it may be done, so that giving up would say what is not true
	return got.s, got.err
}

// refuse says why a call is not made.
func refuse(w http.ResponseWriter, err error) {
	var r *pint.Refusal
	switch {
	case errors.Is(err, errNobody):
		fail(w, http.StatusUnprocessableEntity, "CALLER_NOT_AVAILABLE", errNobody.Error())
		return
	case !errors.As(err, &r):
		fail(w, http.StatusInternalServerError, "INTERNAL", "an unexpected error occurred")
		return
	}
	switch {
	case strings.Contains(r.Text, "recorded"):
		fail(w, http.StatusUnprocessableEntity, "RECORDING_NOT_SUPPORTED", r.Text)
	case r.Code == 403:
		fail(w, http.StatusForbidden, "PERMISSION_DENIED", r.Text)
	case r.Code == 480 && strings.Contains(r.Text, "the same request"):
		fail(w, http.StatusConflict, "CALL_ALREADY_ACTIVE", r.Text)
	case r.Code == 480:
		fail(w, http.StatusTooManyRequests, "TOO_MANY_REQUESTS", r.Text)
	case r.Code == 503:
		fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", r.Text)
	default:
		fail(w, http.StatusUnprocessableEntity, "CALLEE_NOT_AVAILABLE", r.Text)
	}
}

// find finds a call that this client has made; others do not exist for it.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) (s pint.Session, ok bool) {
	s, ok, err := h.cfg.Executive.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the call could not be looked up")
		return s, false
	}
	if ok = ok && s.Door == pint.CAMARA && s.Client == h.cfg.Client(r.Context()).Name; !ok {
		h.refused(w, r, http.StatusNotFound, "NOT_FOUND", "there is no such call")
	}
	return s, ok
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	if s, ok := h.find(w, r); ok {
		write(w, http.StatusOK, shown(&s))
	}
}

func (h *Handler) end(w http.ResponseWriter, r *http.Request) {
	s, ok := h.find(w, r)
	if !ok {
		return
	}
	row, ok := h.begin(w, r, "cancel-pint-call", "pint/calls/"+s.ID, shown(&s))
	if !ok {
		return
	}
	err := h.cfg.Executive.CancelKept(r.Context(), s.ID, "requester")
	switch err = h.finish(r.Context(), row, shown(&s), err); {
	case errors.Is(err, executive.ErrNotKept):
		fail(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the end of the call is not on disk yet: ask again")
		return
	case err != nil:
		fail(w, http.StatusConflict, "CONFLICT", "the call has ended")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// recording gives the sound of a call as text in JSON. It is written as it is read:
// hours of talk need no memory.
func (h *Handler) recording(w http.ResponseWriter, r *http.Request) {
	s, ok := h.find(w, r)
	switch {
	case !ok:
		return
	case s.Recording == "":
		fail(w, http.StatusNotFound, "NOT_FOUND", "the call was not recorded")
		return
	case !s.State.Final():
		fail(w, http.StatusNotFound, "NOT_FOUND", "the call is still being recorded")
		return
	}
	f, err := h.cfg.Recording(s.Recording)
	if err != nil {
		fail(w, http.StatusNotFound, "NOT_FOUND", "the recording is there no longer")
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", "application/json")
	generated, _ := s.Ended.MarshalJSON() // a time of this century
	fmt.Fprintf(w, `{"callId":%q,"contentType":"audio/wav","generatedAt":%s,"content":"`, s.ID, generated)
	text := base64.NewEncoder(base64.StdEncoding, w)
	_, _ = io.Copy(text, f) // the client may have gone
	_ = text.Close()
	_, _ = io.WriteString(w, `"}`)
}
