package phones

import (
	"context"
	"net/http"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/sipphone/waiting"
)

// MessagesWaiting is how many messages wait for a user; phones show it by a lamp.
type MessagesWaiting struct {
	New       int `json:"new" yaml:"new"`
	Old       int `json:"old" yaml:"old"`
	UrgentNew int `json:"urgent_new,omitempty" yaml:"urgent_new,omitempty" doc:"Among the new ones"`
	UrgentOld int `json:"urgent_old,omitempty" yaml:"urgent_old,omitempty" doc:"Among the old ones"`
}

// WaitingPath names a user in a path.
type WaitingPath struct {
	User string `path:"user" doc:"Name or address of the user"`
}

func (n *nouns) registerWaiting(set *op.Set) {
	op.Read(set, op.Op{Path: "/users/{user}/waiting", ID: "show-waiting", Short: "Show how many messages wait for a user", Scope: access.Read("phones"),
		Needs: n.running}, n.showWaiting)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/users/{user}/waiting", ID: "set-waiting", Short: "Say how many messages wait for a user",
		Long: "For the system that takes them; the user's phones are told at once.", Scope: access.Write("phones"), Event: "waiting.changed", Needs: n.running}, n.setWaiting)
}

func (n *nouns) known(name string) (rtc.AOR, error) {
	aor, err := n.user(name)
	if err == nil {
		_, err = n.Directory.Get(aor)
	}
	return aor, err
}

func (n *nouns) showWaiting(_ context.Context, in *WaitingPath) (MessagesWaiting, error) {
	aor, err := n.known(in.User)
	if err != nil {
		return MessagesWaiting{}, err
	}
	return MessagesWaiting(n.Waiting.Of(aor)), nil
}

func (n *nouns) setWaiting(ctx context.Context, do *op.Doing, in *struct {
	WaitingPath
	Body MessagesWaiting
}) (MessagesWaiting, error) {
	aor, err := n.known(in.User)
	if err != nil {
		return MessagesWaiting{}, err
	}
	err = do.Begin(ctx, op.Resource("users", string(aor), "waiting"), func() (any, error) { return n.showWaiting(ctx, &in.WaitingPath) })
	if err != nil {
		return MessagesWaiting{}, err
	}
	err = n.Waiting.Set(ctx, aor, waiting.Counts(in.Body))
	do.After = in.Body
	return in.Body, err
}

// PhoneSecrets are what is typed into a phone that asks for no files.
type PhoneSecrets struct {
	MAC   string        `json:"mac" yaml:"mac"`
	Lines []PhoneSecret `json:"lines" yaml:"lines" nullable:"false"`
	Files string        `json:"files_password" yaml:"files_password" doc:"With the MAC as user name, for its files"`
}

// PhoneSecret is that of a line.
type PhoneSecret struct {
	User     string `json:"user" yaml:"user"`
	Password string `json:"password" yaml:"password"`
}

// Showing secrets is a change of nothing, and yet it is recorded who did.
func (n *nouns) registerSecrets(set *op.Set) {
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/secrets", ID: "show-phone-secrets", Short: "Show the passwords of a phone",
		Long: "For phones that ask for no files. It is recorded who looked.", Scope: access.Write("phones"), Event: "phone.secrets_shown"}, n.secrets)
}

func (n *nouns) secrets(ctx context.Context, do *op.Doing, in *Path) (PhoneSecrets, error) {
	mac, err := in.mac()
	if err != nil {
		return PhoneSecrets{}, err
	}
	p, err := n.Inventory.Get(mac)
	if err != nil {
		return PhoneSecrets{}, err
	}
	if err := do.Begin(ctx, op.Resource("phones", string(mac), "secrets"), nil); err != nil {
		return PhoneSecrets{}, err
	}
	if len(p.Lines) == 0 {
		return PhoneSecrets{}, problem.Invalid("no_lines", "the phone has no line", "give it one: tandem phones assign --line")
	}
	out := PhoneSecrets{MAC: mac.Colons(), Files: n.Inventory.FilesPassword(&p)}
	for i, secret := range n.Inventory.Secrets(&p) {
		out.Lines = append(out.Lines, PhoneSecret{string(p.Lines[i].User), secret})
	}
	return out, nil
}
