package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		have string
		need Scope
		want bool
	}{
		{"users:read", "users:read", true},
		{"users:write", "users:read", true},
		{"users:read", "users:write", false},
		{"users:write", "calls:read", false},
		{"admin", "users:write", true},
		{"admin", Admin, true},
		{"users:write", Admin, false},
		{"calls:read users:write", "users:write", true},
		{"", "users:read", false},
		{":write", "", false},
	} {
		var have Scopes
		for _, s := range strings.Fields(c.have) {
			have = append(have, Scope(s))
		}
		if got := have.Allow(c.need); got != c.want {
			t.Errorf("%q allows %q: %t", c.have, c.need, got)
		}
	}
}

func load(t *testing.T, s Store) *Tokens {
	t.Helper()
	tokens, err := LoadTokens(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokens(t *testing.T) {
	store := NewMemory()
	tokens := load(t, store)
	x, text, err := tokens.Add(t.Context(), Token{Name: "a", Scopes: Scopes{"users:read"}, By: "local:root"})
	if err != nil {
		t.Fatal(err)
	}
	_ = store.Tokens(t.Context(), func(k Token) {
		if strings.Contains(string(k.Hash[:])+k.Name, text) {
			t.Error("the text is kept")
		}
	})
	if len(text) < 50 || !strings.HasPrefix(text, "tandem_") || x.By != "local:root" {
		t.Errorf("%s %+v", text, x)
	}
	for _, tokens := range []*Tokens{tokens, load(t, store)} {
		c, err := tokens.Caller(text)
		if err != nil || c.Name != "token:a" || !c.Scopes.Allow("users:read") || c.Scopes.Allow("users:write") || !c.Valid() {
			t.Errorf("%+v, %v", c, err)
		}
		for _, wrong := range []string{"", "tandem_", text[:len(text)-1], text + "a", strings.ToUpper(text)} {
			if c, err := tokens.Caller(wrong); !errors.Is(err, ErrRefused) || len(c.Scopes) > 0 {
				t.Errorf("%q: %+v, %v", wrong, c, err)
			}
		}
	}
	if _, _, err := tokens.Add(t.Context(), Token{Name: "a", Scopes: Scopes{"users:read"}}); !errors.Is(err, ErrTokenTaken) {
		t.Errorf("again: %v", err)
	}
	for name, scopes := range map[string]Scopes{"": {Admin}, "a b": {Admin}, "a/b": {Admin}, "none": nil} {
		if _, _, err := tokens.Add(t.Context(), Token{Name: name, Scopes: scopes}); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	c, _ := tokens.Caller(text)
	if err := tokens.Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Caller(text); !errors.Is(err, ErrRefused) || c.Valid() {
		t.Errorf("revoked: %v, still valid %t", err, c.Valid())
	}
	if err := tokens.Revoke(t.Context(), "a"); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestTokensEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory()
		tokens := load(t, store)
		if _, _, err := tokens.Add(t.Context(), Token{Name: "past", Scopes: Scopes{Admin}, Expires: time.Now().Add(-time.Second)}); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("in the past: %v", err)
		}
		_, text, err := tokens.Add(t.Context(), Token{Name: "a", Scopes: Scopes{Admin}, Expires: time.Now().Add(3 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := tokens.Caller(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := tokens.KeepUse(t.Context()); err != nil {
			t.Fatal(err)
		}
		if used := load(t, store).List()[0].LastUsed; !used.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("last used %s", used)
		}
		if !c.Valid() {
			t.Error("keeping the use made it worthless")
		}
		time.Sleep(3*time.Hour - time.Second)
		if _, err := tokens.Caller(text); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := tokens.Caller(text); !errors.Is(err, ErrRefused) || c.Valid() {
			t.Errorf("after its end: %v, valid %t", err, c.Valid())
		}
	})
}

// A store that fails changes nothing in memory.
func TestTokensAndAFailingStore(t *testing.T) {
	tokens := load(t, failing{NewMemory()})
	if _, _, err := tokens.Add(t.Context(), Token{Name: "a", Scopes: Scopes{Admin}}); !errors.Is(err, errFailing) || len(tokens.List()) != 0 {
		t.Errorf("%v, %d tokens", err, len(tokens.List()))
	}
}

var errFailing = errors.New("it fails")

type failing struct{ *Memory }

func (failing) PutToken(context.Context, Token) error { return errFailing }

// Who became another user by sudo is known by the name of the login as well.
func TestLogin(t *testing.T) {
	self := uint32(os.Getuid())
	for content, want := range map[string]string{
		"4294967295": "", fmt.Sprint(self): "", fmt.Sprint(self + 77777): fmt.Sprintf("(%d)", self+77777), "nonsense": "", "0\n": map[bool]string{true: "", false: "(root)"}[self == 0],
	} {
		file := filepath.Join(t.TempDir(), "loginuid")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := login(self, file); got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	if got := login(self, "/nowhere"); got != "" {
		t.Errorf("without the file: %q", got)
	}
}
