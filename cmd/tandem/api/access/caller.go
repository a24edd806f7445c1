package access

import "context"

// Caller is who makes a request.
type Caller struct {
	Name   string // "local:root", "local:tandem(alice)" on the control socket, "token:NAME" over HTTPS
	Scopes Scopes
	// User is the address of the one user the caller acts for, "" when there is none
	// such: then the scopes hold for all users.
	User  string
	Valid func() bool // still true? asked while a stream lasts; nil: always
}

// Local is the administrator at the control socket: whoever may open it is the
// server's user, or root.
func Local(user string) Caller { return Caller{Name: "local:" + user, Scopes: Scopes{Admin}} }

type callerKey struct{}

// With returns a context in which c is the caller.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Of is the caller of a request. Without one it is nobody, who may do nothing.
func Of(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
