package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
)

// Token is a token as shown. Token is set once, in the answer that made it.
type Token struct {
	Name     string    `json:"name" yaml:"name"`
	Scopes   []string  `json:"scopes" yaml:"scopes"`
	User     string    `json:"user,omitempty" yaml:"user,omitempty" doc:"The one user it is limited to"`
	By       string    `json:"by" yaml:"by" doc:"Who made it"`
	Created  time.Time `json:"created" yaml:"created"`
	Expires  time.Time `json:"expires,omitzero" yaml:"expires,omitempty" doc:"Absent: never"`
	LastUsed time.Time `json:"last_used,omitzero" yaml:"last_used,omitempty"`
	Token    string    `json:"token,omitempty" yaml:"token,omitempty" doc:"Only in the answer that made it"`
}

// NewToken is a token to be made.
type NewToken struct {
	Name    string    `json:"name" example:"provisioning"`
	Scopes  []string  `json:"scopes" minItems:"1" doc:"What it may do" example:"[\"users:read\",\"users:write\"]"`
	User    string    `json:"user,omitempty" example:"alice" doc:"Limits it to one user: what is about others it may neither see nor change, and nobody else can it write as. Its scopes are of contacts, events, messages and presence"`
	Expires time.Time `json:"expires,omitzero" doc:"Absent: never"`
}

// Tokens are a matter for administrators alone: who may make one could make one
// that may do more than they.
func (n *nouns) registerTokens() {
	op.Read(n.set, op.Op{Path: "/tokens", ID: "list-tokens", Short: "List tokens", Scope: access.Admin}, n.listTokens)
	op.Read(n.set, op.Op{Path: "/tokens/{name}", ID: "show-token", Short: "Show one token", Scope: access.Admin}, n.showToken)
	op.Change(n.set, op.Op{Method: http.MethodPost, Path: "/tokens", ID: "add-token", Short: "Make a token", Scope: access.Admin,
		Status: http.StatusCreated, Event: "token.added"}, n.addToken)
	op.Change(n.set, op.Op{Method: http.MethodDelete, Path: "/tokens/{name}", ID: "revoke-token", Short: "Make a token worthless",
		Scope: access.Admin, Event: "token.revoked"}, n.revokeToken)
}

func token(t access.Token) Token {
	out := Token{Name: t.Name, User: t.User, By: t.By, Created: t.Created, Expires: t.Expires, LastUsed: t.LastUsed}
	for _, s := range t.Scopes {
		out.Scopes = append(out.Scopes, string(s))
	}
	return out
}

func (n *nouns) listTokens(_ context.Context, in *struct{ op.Paging }) (op.Page[Token], error) {
	list := []Token{}
	for _, t := range n.Tokens.List() {
		list = append(list, token(t))
	}
	return op.InOrder(in.Paging, list)
}

// Named names a token or a webhook in a path.
type Named struct {
	Name string `path:"name"`
}

func (n *nouns) showToken(_ context.Context, in *Named) (Token, error) {
	t, err := n.Tokens.Get(in.Name)
	return token(t), err
}

func (n *nouns) addToken(ctx context.Context, do *op.Doing, in *struct{ Body NewToken }) (Token, error) {
	var scopes access.Scopes
	known := n.set.Scopes()
	for _, s := range in.Body.Scopes {
		if !slices.Contains(known, access.Scope(s)) {
			return Token{}, problem.Invalid("scope_unknown", fmt.Sprintf("there is no scope %q", s), "use some of: "+join(known))
		}
		scopes = append(scopes, access.Scope(s))
	}
	user, err := "", error(nil)
	if in.Body.User != "" {
		if user, err = n.user(in.Body.User); err != nil {
			return Token{}, err
		}
	}
	if err := do.Begin(ctx, op.Resource("tokens", in.Body.Name), nil); err != nil {
		return Token{}, err
	}
	t, text, err := n.Tokens.Add(ctx, access.Token{Name: in.Body.Name, Scopes: scopes, User: user, Expires: in.Body.Expires, By: do.Who})
	if err != nil {
		return Token{}, err
	}
	out := token(t)
	do.After = out
	out.Token = text
	return out, nil
}

func join(scopes []access.Scope) string {
	var b strings.Builder
	for i, s := range scopes {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}

func (n *nouns) revokeToken(ctx context.Context, do *op.Doing, in *Named) (Token, error) {
	err := do.Begin(ctx, op.Resource("tokens", in.Name), func() (any, error) { return n.showToken(ctx, in) })
	if err != nil {
		return Token{}, err
	}
	return do.Before.(Token), n.Tokens.Revoke(ctx, in.Name)
}
