package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Token is by which a remote caller is known. Its text is kept nowhere.
type Token struct {
	Name     string // unique
	Hash     [32]byte
	Scopes   Scopes
	User     string // address of the one user it is limited to, "" none such
	By       string // who made it
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // zero: never; kept to the hour
}

// Store keeps tokens durably. Methods return when the change is on disk.
type Store interface {
	Tokens(ctx context.Context, each func(Token)) error
	PutToken(ctx context.Context, t Token) error // insert or replace, by Name
	DeleteToken(ctx context.Context, name string) error
}

// Errors of tokens. What is returned wraps one of them and names the remedy.
var (
	ErrUnknownToken = errors.New("no such token")
	ErrTokenTaken   = errors.New("token name is taken")
	ErrTokenInvalid = errors.New("token not allowed")
	ErrTooMany      = errors.New("too many tokens")
	ErrRefused      = errors.New("token refused")
)

const (
	prefix    = "tandem_" // by which scanners for leaked secrets find it
	maxTokens = 1000
)

// Tokens is the working copy of all tokens.
type Tokens struct {
	store Store
	turn  chan struct{} // holds one element: whoever takes it may change
	admit func(user string) bool

	mu     sync.RWMutex
	byHash map[[32]byte]*held
}

// held is a token in use.
type held struct {
	Token
	used atomic.Int64 // Unix seconds of the last use, 0 none
	kept atomic.Int64 // what the Store knows of it
}

func (h *held) expired() bool { return !h.Expires.IsZero() && !time.Now().Before(h.Expires) }

// shown is the token with its last use.
func (h *held) shown() Token {
	t := h.Token
	if n := h.used.Load(); n != 0 {
		t.LastUsed = time.Unix(n, 0)
	}
	return t
}

// LoadTokens makes the working copy of what store keeps.
func LoadTokens(ctx context.Context, store Store) (*Tokens, error) {
	t := &Tokens{store: store, turn: make(chan struct{}, 1), byHash: map[[32]byte]*held{}}
	t.turn <- struct{}{}
	err := store.Tokens(ctx, func(x Token) { t.hold(x) })
	if err != nil {
		return nil, fmt.Errorf("loading tokens: %w", err)
	}
	return t, nil
}

func (t *Tokens) hold(x Token) {
	h := &held{Token: x}
	if !x.LastUsed.IsZero() {
		h.used.Store(x.LastUsed.Unix())
		h.kept.Store(x.LastUsed.Unix())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byHash[x.Hash] = h
}

// Add makes a token of what x says of Name, Scopes, User, Expires and By. It
// returns its text, which nobody can be told again.
func (t *Tokens) Add(ctx context.Context, x Token) (Token, string, error) {
	name := x.Name
	if err := x.check(); err != nil {
		return Token{}, "", err
	}
	done, err := t.begin(ctx)
	if err != nil {
		return Token{}, "", err
	}
	defer done()
	if _, err := t.Get(name); err == nil {
		return Token{}, "", fmt.Errorf("token %q: %w: revoke it first, or choose another name", name, ErrTokenTaken)
	}
	if len(t.all()) >= maxTokens {
		return Token{}, "", fmt.Errorf("token %q: %w: there are %d, revoke one first", name, ErrTooMany, maxTokens)
	}
	b := make([]byte, 32)
	rand.Read(b) // never fails: it ends the process instead
	text := prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
	x.Hash, x.Created, x.Expires = sha256.Sum256([]byte(text)), time.Now().Truncate(time.Millisecond), x.Expires.Truncate(time.Millisecond)
	if err := t.store.PutToken(context.WithoutCancel(ctx), x); err != nil {
		return Token{}, "", fmt.Errorf("storing a token: %w", err)
	}
	t.hold(x)
	return x, text, nil
}

// check says why a token cannot be made, nil when it can.
func (t *Token) check() error {
	if err := checkName(t.Name); err != nil {
		return err
	}
	if len(t.Scopes) == 0 {
		return fmt.Errorf("scopes of %q: %w: name at least one, such as users:read", t.Name, ErrTokenInvalid)
	}
	if !t.Expires.IsZero() && t.Expires.Before(time.Now()) {
		return fmt.Errorf("end of %q: %w: it must be in the future", t.Name, ErrTokenInvalid)
	}
	if t.User == "" {
		return nil
	}
	for _, s := range t.Scopes {
		if !slices.Contains(personal, s.noun()) {
			return fmt.Errorf("scope %s of %q: %w: a token of one user has scopes of %s", s, t.Name, ErrTokenInvalid, strings.Join(personal, ", "))
		}
	}
	return nil
}

// Revoke makes a token worthless.
func (t *Tokens) Revoke(ctx context.Context, name string) error {
	done, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	x, err := t.Get(name)
	if err != nil {
		return err
	}
	if err := t.store.DeleteToken(context.WithoutCancel(ctx), name); err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byHash, x.Hash)
	return nil
}

// Forget revokes the tokens that are limited to a user who is no more.
func (t *Tokens) Forget(ctx context.Context, user string) error {
	var errs []error
	for _, x := range t.List() {
		if x.User == user {
			errs = append(errs, t.Revoke(ctx, x.Name))
		}
	}
	return errors.Join(errs...)
}

// begin waits for the turn to change something.
func (t *Tokens) begin(ctx context.Context) (done func(), err error) {
	select {
	case <-t.turn:
		return func() { t.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// List returns all tokens by name.
func (t *Tokens) List() []Token {
	var list []Token
	for _, h := range t.all() {
		list = append(list, h.shown())
	}
	slices.SortFunc(list, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Get finds a token by name.
func (t *Tokens) Get(name string) (Token, error) {
	for _, h := range t.all() {
		if h.Name == name {
			return h.shown(), nil
		}
	}
	return Token{}, fmt.Errorf("token %q: %w: see: tandem tokens list", name, ErrUnknownToken)
}

// Caller is who shows a token's text. The map is asked by the hash: how long that
// takes tells nothing of the texts that would fit.
func (t *Tokens) Caller(text string) (Caller, error) {
	hash := sha256.Sum256([]byte(text))
	find := func() *held {
		t.mu.RLock()
		defer t.mu.RUnlock()
		return t.byHash[hash]
	}
	h := find()
	if h == nil {
		return Caller{}, fmt.Errorf("%w: it is unknown or was revoked", ErrRefused)
	}
	if h.expired() {
		return Caller{}, fmt.Errorf("%w: it has expired", ErrRefused)
	}
	if !t.admits(h.User) {
		return Caller{}, fmt.Errorf("%w: its user is disabled", ErrRefused)
	}
	h.used.Store(time.Now().Unix())
	valid := func() bool { return find() != nil && !h.expired() && t.admits(h.User) }
	return Caller{Name: "token:" + h.Name, Scopes: h.Scopes, User: h.User, Valid: valid}, nil
}

// Admit has the tokens of a user count while f says so: who is shut out is shut out
// here as well. It is called before the first Caller.
func (t *Tokens) Admit(f func(user string) bool) { t.admit = f }

func (t *Tokens) admits(user string) bool { return user == "" || t.admit == nil || t.admit(user) }

// KeepUse writes down the last use of those tokens that were used since it was
// written an hour ago or more.
func (t *Tokens) KeepUse(ctx context.Context) error {
	done, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, h := range t.all() {
		used := h.used.Load()
		if used-h.kept.Load() < int64(time.Hour/time.Second) {
			continue
		}
		if err := t.store.PutToken(ctx, h.shown()); err != nil {
			return fmt.Errorf("keeping the last use of tokens: %w", err)
		}
		h.kept.Store(used)
	}
	return nil
}

func (t *Tokens) all() []*held {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Values(t.byHash))
}

func checkName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, c := range name {
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.@", c))
	}
	if !ok {
		return fmt.Errorf("token name %q: %w: 1 to 64 letters, digits and -_.@", name, ErrTokenInvalid)
	}
	return nil
}
