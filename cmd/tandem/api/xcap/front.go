// Package xcap serves the documents of users over HTTP as RFC 4825 says: whole
// and by node, with entity tags, and with error documents when a change cannot
// be made.
//
// A user proves who he is by Digest with the password of his SIP account, or of
// one of his devices, or by a token limited to him, and reaches his own documents
// alone. A token of the API with the scope contacts reaches those of everybody.
package xcap

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"tandem/cmd/tandem/api/access"
	"tandem/rtc"
	"tandem/rtc/auth"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/policy/consent"
)

// Root is the path all documents stand under.
const Root = "/xcap-root/"

// maxRequests is how many requests are served at a time.
const maxRequests = 64

// Front is the HTTP handler of Root.
type Front struct {
	Book   *contacts.Book
	Gate   *auth.Gate
	Tokens *access.Tokens
	// Resolve finds the user whose address or alias it is.
	Resolve func(rtc.AOR) (rtc.AOR, bool)
	Domain  string // of an XUI without one
	Consent *consent.Book
	Log     *slog.Logger

	serving chan struct{}
}

// New makes a front ready to serve.
func New(f Front) *Front {
	f.serving = make(chan struct{}, maxRequests)
	return &f
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case f.serving <- struct{}{}:
		defer func() { <-f.serving }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the server is already handling as many requests as it can: try again in a second", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, xcap.MaxOctets))
	if err != nil {
		http.Error(w, "the body has more than 1 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	who, ok := f.caller(w, r, body)
	if !ok {
		return
	}
	t, status := f.target(r.URL)
	if status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	if !who.may(t, r.Method) {
		http.Error(w, "these are not your documents", http.StatusForbidden)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		f.get(w, r, t)
	case http.MethodPut, http.MethodDelete:
		f.change(w, r, t, body)
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT, DELETE")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

// who is the caller.
type who struct {
	user   rtc.AOR // "" for a token that is not limited to one user
	token  bool
	scopes access.Scopes
}

// may tells whether the caller may do that to a document.
func (c who) may(t target, method string) bool {
	read := method == http.MethodGet || method == http.MethodHead
	if t.global {
		return read
	}
	if c.user != "" && c.user != t.key.User {
		return false
	}
	if !c.token {
		return true
	}
	if read {
		return c.scopes.Allow(access.Read("contacts"))
	}
	return c.scopes.Allow(access.Write("contacts"))
}

// caller finds out who calls, or answers and reports false.
func (f *Front) caller(w http.ResponseWriter, r *http.Request, body []byte) (c who, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		caller, err := f.Tokens.Caller(strings.TrimSpace(token))
		if err != nil {
			f.Log.Warn("XCAP caller refused", "peer", r.RemoteAddr, "err", err)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return c, false
		}
		return who{user: rtc.AOR(caller.User), scopes: caller.Scopes, token: true}, true
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	id, challenges, refused := f.Gate.Web(auth.WebRequest{Method: r.Method, URI: r.RequestURI, Authorization: r.Header["Authorization"], Body: body, From: from, Domain: realm(r)})
	if refused == nil {
		return who{user: id.AOR}, true
	}
	for _, c := range challenges {
		w.Header().Add("WWW-Authenticate", c)
	}
	http.Error(w, strings.TrimSpace(http.StatusText(refused.Code)+": "+refused.Reason), refused.Code)
	return c, false
}

// realm is the domain whose user is asked for: the one of the XUI, else the one by which
// the client knows this server.
func realm(r *http.Request) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), Root), "/users/")
	xui, _, _ := strings.Cut(path, "/")
	if xui, err := url.PathUnescape(xui); err == nil && strings.Contains(xui, "@") {
		return xui[strings.LastIndexByte(xui, '@')+1:]
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}

// target is what a path names.
type target struct {
	key    contacts.Key
	usage  *xcap.Usage
	global bool
	node   bool
	sel    xcap.Selector
}

// target reads a path (RFC 4825 §6): the root, the usage, users/XUI or global,
// the document, and behind "~~" a node. status is 0, or what is answered.
func (f *Front) target(u *url.URL) (t target, status int) {
	path, ok := strings.CutPrefix(u.EscapedPath(), Root)
	if !ok {
		return t, http.StatusNotFound
	}
	path, node, hasNode := strings.Cut(path, "/~~/")
	parts := strings.Split(path, "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return t, http.StatusBadRequest
		}
	}
	if t.usage = xcap.UsageOf(parts[0]); t.usage == nil || len(parts) < 3 {
		return t, http.StatusNotFound
	}
	switch {
	case parts[1] == "global" && len(parts) == 3:
		t.global, t.key = true, contacts.Key{Usage: t.usage.ID, Name: parts[2]}
	case parts[1] == "users" && len(parts) == 4:
		user, ok := f.user(parts[2])
		if !ok || parts[3] == "" || len(parts[3]) > 128 {
			return t, http.StatusNotFound
		}
		t.key = contacts.Key{User: user, Usage: t.usage.ID, Name: parts[3]}
	default:
		return t, http.StatusNotFound
	}
	if hasNode {
		selector, err := url.PathUnescape(node)
		query, err2 := url.PathUnescape(u.RawQuery) // '+' is none of its blanks
		if err != nil || err2 != nil {
			return t, http.StatusBadRequest
		}
		if t.sel, err = xcap.ParseSelector(selector, query, t.usage.Space); err != nil {
			return t, http.StatusBadRequest
		}
		t.node = true
	}
	return t, 0
}

// user finds whom an XUI means: an address with or without scheme, or a name.
func (f *Front) user(xui string) (rtc.AOR, bool) {
	if !strings.Contains(xui, "@") && !strings.HasPrefix(xui, "tel:") {
		xui = strings.TrimPrefix(xui, "sip:") + "@" + f.Domain
	}
	if !strings.Contains(xui, ":") || !strings.HasPrefix(xui, "sip") && !strings.HasPrefix(xui, "tel:") {
		xui = "sip:" + xui
	}
	return f.Resolve(contacts.AORof(xui))
}

// document of a target, with its elements when a node is asked for. The error wraps
// contacts.ErrUnknown when there is none.
func (f *Front) document(r *http.Request, t target) (d contacts.Document, tree *xcap.Tree, err error) {
	if t.global {
		if t.usage == xcap.Caps && t.key.Name == contacts.Index {
			body := xcap.CapsDocument()
			return contacts.Document{Key: t.key, Version: 1, Body: body}, &xcap.Tree{Doc: body}, nil
		}
		return d, nil, contacts.ErrUnknown
	}
	if err := f.refresh(r.Context(), t.key); err != nil {
		return d, nil, err
	}
	if t.node {
		return f.Book.Tree(r.Context(), t.key)
	}
	d, err = f.Book.Document(r.Context(), t.key)
	return d, nil, err
}

func (f *Front) get(w http.ResponseWriter, r *http.Request, t target) {
	d, tree, err := f.document(r, t)
	if err != nil {
		f.fail(w, err)
		return
	}
	body, kind := d.Body, t.usage.Type
	if t.node {
		var ok bool
		if body, ok = tree.Get(t.sel); !ok {
			http.Error(w, "nothing is selected", http.StatusNotFound)
			return
		}
		kind = t.sel.Type()
	}
	w.Header().Set("ETag", d.ETag()) // of the document, for nodes as well (RFC 4825 §8.5)
	if match := r.Header.Get("If-None-Match"); match != "" && listed(match, d.ETag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && !listed(match, d.ETag()) {
		http.Error(w, "the document has changed meanwhile", http.StatusPreconditionFailed)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}

// listed reports whether a condition names an entity tag.
func listed(condition, tag string) bool {
	for part := range strings.SplitSeq(condition, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == tag {
			return true
		}
	}
	return false
}

// conditions are If-Match and If-None-Match (RFC 9110 §13.1) about a document.
func conditions(h http.Header) contacts.Condition {
	match, none := h.Get("If-Match"), h.Get("If-None-Match")
	return func(old *contacts.Document) error {
		switch {
		case match != "" && (old == nil || !listed(match, old.ETag())),
			none != "" && old != nil && listed(none, old.ETag()):
			return contacts.ErrPrecondition
		}
		return nil
	}
}

var (
	errMissing = errors.New("nothing is selected")
	errType    = errors.New("another media type is expected")
)

// change is PUT and DELETE.
func (f *Front) change(w http.ResponseWriter, r *http.Request, t target, body []byte) {
	if t.global || t.usage == xcap.Caps {
		http.Error(w, "global documents cannot be changed", http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPut {
		want := t.usage.Type
		if t.node {
			want = t.sel.Type()
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || !strings.EqualFold(kind, want) {
			f.fail(w, errType)
			return
		}
	}
	created := false
	if err := f.refresh(r.Context(), t.key); err != nil {
		f.fail(w, err)
		return
	}
	d, fresh, err := f.Book.ChangeTree(r.Context(), t.key, conditions(r.Header), func(old *xcap.Tree) (out *xcap.Tree, err error) {
		out, created, err = t.apply(r.Method, old, body)
		if err == nil && isRules(t.key) {
			err = f.adopt(r.Context(), t.key.User, out.Body())
		}
		return out, err
	})
	if err != nil {
		f.fail(w, err)
		return
	}
	if d.Body != nil {
		w.Header().Set("ETag", d.ETag())
	}
	if created || fresh {
		w.WriteHeader(http.StatusCreated)
	}
}

// apply is what a request makes of a document.
func (t *target) apply(method string, old *xcap.Tree, body []byte) (out *xcap.Tree, created bool, err error) {
	switch {
	case method == http.MethodPut && !t.node:
		out, err = t.usage.Tree(body)
		return out, false, err
	case method == http.MethodPut && old == nil:
		return nil, false, &xcap.Fault{Kind: xcap.NoParent, Phrase: "there is no such document"}
	case method == http.MethodPut:
		return t.usage.Put(old, t.sel, body)
	case old == nil:
		return nil, false, contacts.ErrUnknown
	case !t.node:
		return nil, false, nil
	}
	out, found, err := t.usage.Delete(old, t.sel)
	if err == nil && !found {
		err = errMissing
	}
	return out, false, err
}

// fail answers an error.
func (f *Front) fail(w http.ResponseWriter, err error) {
	var fault *xcap.Fault
	switch {
	case errors.As(err, &fault):
		w.Header().Set("Content-Type", xcap.FaultType)
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write(fault.Document())
	case errors.Is(err, contacts.ErrTooMany), errors.Is(err, contacts.ErrInvalid), errors.Is(err, consent.ErrInvalid), errors.Is(err, consent.ErrTooMany):
		f.fail(w, &xcap.Fault{Kind: xcap.Constraint, Phrase: err.Error()})
	case errors.Is(err, contacts.ErrUnknown), errors.Is(err, errMissing):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, contacts.ErrPrecondition):
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
	case errors.Is(err, errType):
		http.Error(w, err.Error(), http.StatusUnsupportedMediaType)
	default:
		f.Log.Error("XCAP request failed", "err", err)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the document could not be kept; the server's log has the cause", http.StatusServiceUnavailable)
	}
}
