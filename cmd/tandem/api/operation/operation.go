// Package operation makes typed Go functions into operations of the HTTP API:
// Read for what only looks, Change for what changes something, Stream for
// events as they come. Each kind does what all of its operations have in common:
// scope, problem details, entity tags, one change of a resource at a time, and
// the record of each change.
//
// It knows HTTP and no room. What an operation does is the function's matter;
// where the record of a change is kept is the Recorder's.
package operation

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/problem"
)

// Base is the path all operations stand under.
const Base = "/api/v1"

// Config of a Set.
type Config struct {
	Title, Description, Version string
	Log                         *slog.Logger
	// Explain turns an error of a room into a problem, nil when it does not know it.
	Explain func(error) *problem.Problem
	// User finds the address of the user whom a path names; nil: there are no users.
	User func(name string) (address string, err error)
	// Record keeps what was changed; nil keeps nothing.
	Record Recorder
}

// Set is the operations of one API.
type Set struct {
	cfg    Config
	mux    *chi.Mux
	huma   huma.API
	turns  turns
	scopes []access.Scope

	streams chan struct{} // one element for each that is open
}

// New makes a Set without operations.
func New(cfg Config) *Set {
	s := &Set{cfg: cfg, mux: chi.NewMux(), streams: make(chan struct{}, maxStreams)}
	s.mux.NotFound(problem.NotFound)
	s.mux.MethodNotAllowed(problem.MethodNotAllowed)
	h := huma.DefaultConfig(cfg.Title, cfg.Version)
	h.Info.Description = cfg.Description
	h.CreateHooks = nil // no $schema links in answers
	h.OpenAPIPath, h.DocsPath, h.SchemasPath = Base+"/openapi", "", ""
	h.RejectUnknownQueryParameters = true
	h.Transformers = []huma.Transformer{plain, asEncoded}
	h.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	h.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token of: tandem tokens add. The control socket needs none."}}
	s.huma = humachi.New(s.mux, h)
	s.turns.init()
	return s
}

// Handler serves the operations to callers that access.With has named.
func (s *Set) Handler() http.Handler { return s.mux }

// OpenAPI is the description of all operations, in YAML.
func (s *Set) OpenAPI() ([]byte, error) {
	return s.huma.OpenAPI().YAML()
}

// Scopes are all that an operation needs, sorted, Admin first.
func (s *Set) Scopes() []access.Scope {
	list := slices.DeleteFunc(slices.Clone(s.scopes), func(x access.Scope) bool { return x == access.Admin })
	slices.Sort(list)
	return append([]access.Scope{access.Admin}, slices.Compact(list)...)
}

// register adds an operation whose failures are ours: huma describes its own kind
// beside it, which plain turns into ours.
func register[I, O any](s *Set, h huma.Operation, f func(context.Context, *I) (*O, error)) {
	huma.Register(s.huma, h, f)
	schemas := s.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
}

// Op names an operation.
type Op struct {
	Method string
	Path   string // under Base
	ID     string // verb and noun: "list-users"
	Short  string // one phrase
	Long   string // more, when there is more to say
	Scope  access.Scope
	Event  string       // of a Change: published when it is done, "user.changed"; "" for none
	Status int          // of success; 0: 200. 201 names the new resource in Location
	Body   int64        // octets of the body at most; 0: 1 MiB
	Record bool         // of a Change: what is refused before it has begun is on record, too
	Own    bool         // it heeds Caller.User itself, without a {user} in Path
	Needs  func() error // asked first: its error is the answer. nil: nothing is needed
}

// MaxBody is the largest body of any operation.
const MaxBody = 16 << 20

// describe is what huma needs to know of an operation.
func (s *Set) describe(op Op, headers ...string) huma.Operation {
	tag, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
	h := huma.Operation{
		Method: op.Method, Path: Base + op.Path, OperationID: op.ID, Summary: op.Short, Description: op.Long, Tags: []string{tag},
		DefaultStatus: op.Status,
		Security:      []map[string][]string{{"token": {string(op.Scope)}}},
		MaxBodyBytes:  op.Body,
		Responses:     map[string]*huma.Response{"default": s.failure()},
		Middlewares:   huma.Middlewares{s.refusals(op), s.admit(op)},
	}
	for _, name := range headers {
		h.Parameters = append(h.Parameters, &huma.Param{Name: name, In: "header", Description: conditions[name], Schema: &huma.Schema{Type: "string"}})
	}
	s.scopes = append(s.scopes, op.Scope)
	return h
}

func (s *Set) failure() *huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem.Problem](), true, "")
	return &huma.Response{Description: "A problem (RFC 9457)", Content: map[string]*huma.MediaType{problem.ContentType: {Schema: schema}}}
}

// admit lets only callers with the scope through, and those alone when what the
// operation needs is there, before anything of the request is read.
func (s *Set) admit(op Op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if p := s.barred(op, ctx); p != nil {
			noticeOf(ctx.Context()).why = p
			_, w := humachi.Unwrap(ctx)
			problem.Write(w, p)
			return
		}
		ctx = huma.WithValue(ctx, conditionKey{}, condition{match: ctx.Header("If-Match"), noneMatch: ctx.Header("If-None-Match")})
		next(huma.WithValue(ctx, bodyKey{}, new(body)))
	}
}

// barred is why a caller may not do an operation now, nil when it may.
func (s *Set) barred(op Op, ctx huma.Context) *problem.Problem {
	switch need := op.Scope; {
	case !access.Of(ctx.Context()).Scopes.Allow(need):
		return problem.New(http.StatusForbidden, "scope_missing", "the token does not have the scope "+string(need)).
			Fix("make one that has: tandem tokens add NAME --scope " + string(need))
	case !s.own(op, ctx):
		return problem.New(http.StatusForbidden, "not_yours", "the token is limited to "+access.Of(ctx.Context()).User).
			Fix("ask about that user, or use a token that is not limited: tandem tokens add NAME without --user")
	case op.Needs != nil:
		if err := op.Needs(); err != nil {
			return s.problem(ctx.Context(), op, err)
		}
	}
	return nil
}

// own tells whether a caller who acts for one user may do an operation: one on
// that user, or one that looks after it itself.
func (s *Set) own(op Op, ctx huma.Context) bool {
	user := access.Of(ctx.Context()).User
	if user == "" || op.Own {
		return true
	}
	if s.cfg.User == nil || !strings.HasPrefix(op.Path, "/users/{user}/") && !strings.HasPrefix(op.Path, "/presence/{user}") {
		return false
	}
	about, err := s.cfg.User(ctx.Param("user"))
	return err == nil && about == user
}

// seen is the answer of a Read.
type seen[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// Read adds an operation that only looks.
func Read[I, T any](s *Set, op Op, f func(context.Context, *I) (T, error)) {
	op.Method = http.MethodGet
	h := s.describe(op, "If-None-Match")
	register(s, h, func(ctx context.Context, in *I) (*seen[T], error) {
		v, err := f(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op, err)
		}
		b, err := encoded(v)
		if err != nil {
			return nil, s.problem(ctx, op, err)
		}
		tag := tagOf(b)
		if conditionOf(ctx).unchanged(tag) {
			return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"Etag": {tag}})
		}
		keepBody(ctx, b)
		return &seen[T]{ETag: tag, Body: v}, nil
	})
}

// problem explains an error to the client. What nobody knows is logged and told
// as an internal error.
func (s *Set) problem(ctx context.Context, op Op, err error) *problem.Problem {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	if s.cfg.Explain != nil {
		if p := s.cfg.Explain(err); p != nil {
			return p
		}
	}
	if ctx.Err() != nil {
		return problem.New(http.StatusServiceUnavailable, "cancelled", "the request was cancelled").Because(err)
	}
	s.cfg.Log.Error("operation failed", "method", op.ID, "err", err)
	return problem.New(http.StatusInternalServerError, "internal", "an unexpected error occurred").
		Fix("the server's log has the cause; look for: operation failed").Because(err)
}
