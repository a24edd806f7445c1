package api

import (
	"bytes"
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
)

// User is a user as shown. Password is set once, in the answer that made it.
type User struct {
	Address  string   `json:"address" yaml:"address" doc:"Address-of-record" example:"sip:alice@example.com"`
	Display  string   `json:"display,omitempty" yaml:"display,omitempty" doc:"Display name"`
	Enabled  bool     `json:"enabled" yaml:"enabled" doc:"May register and be reached"`
	Aliases  []string `json:"aliases,omitempty" yaml:"aliases,omitempty" doc:"Further addresses and telephone numbers"`
	Password string   `json:"password,omitempty" yaml:"password,omitempty" doc:"Only in the answer that made it"`
}

// NewUser is a user to be made.
type NewUser struct {
	Address  string   `json:"address" doc:"alice, alice@example.com or sip:alice@example.com" example:"alice"`
	Display  string   `json:"display,omitempty" doc:"Display name"`
	Aliases  []string `json:"aliases,omitempty" doc:"Further addresses and telephone numbers"`
	Password string   `json:"password,omitempty" doc:"Absent: one is generated and answered this once"`
}

// UserChange is what may be changed; what is absent stays. An empty Password has
// one generated.
type UserChange struct {
	Enabled     *bool   `json:"enabled,omitempty" doc:"false shuts the user out and ends their registrations"`
	Password    *string `json:"password,omitempty" doc:"Empty: one is generated and answered this once"`
	AddAlias    string  `json:"add_alias,omitempty"`
	RemoveAlias string  `json:"remove_alias,omitempty"`
}

// UserPath names a user in a path.
type UserPath struct {
	User string `path:"user" doc:"alice, alice@example.com or sip:alice@example.com"`
}

func (a *API) registerUsers() {
	read, write := access.Read("users"), access.Write("users")
	op.Read(a.set, op.Op{Path: "/users", ID: "list-users", Short: "List users", Scope: read}, a.listUsers)
	op.Read(a.set, op.Op{Path: "/users/{user}", ID: "show-user", Short: "Show one user", Scope: read}, a.showUser)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/users", ID: "add-user", Short: "Make a user", Scope: write,
		Status: http.StatusCreated, Event: "user.added"}, a.addUser)
	op.Change(a.set, op.Op{Method: http.MethodPatch, Path: "/users/{user}", ID: "change-user", Short: "Change a user", Scope: write,
		Event: "user.changed"}, a.changeUser)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/users/{user}", ID: "delete-user",
		Short: "Delete a user with their devices and registrations", Scope: write, Event: "user.deleted"}, a.deleteUser)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/users/import", ID: "import-users", Short: "Make users from CSV, all or none",
		Long:  "Columns: user, display name, password, then any number of aliases. An empty password has one generated, which is answered this once. At most 20,000 users go at once.",
		Scope: write, Event: "users.imported", Body: op.MaxBody}, a.importUsers)
}

func shown(u directory.User) User {
	s := User{Address: string(u.AOR), Display: u.DisplayName, Enabled: u.Enabled}
	for _, a := range u.Aliases {
		s.Aliases = append(s.Aliases, string(a))
	}
	return s
}

// user is a user as shown, and as a change finds them.
func (a *API) user(aor rtc.AOR) (User, error) {
	u, err := a.Directory.Get(aor)
	if err != nil {
		return User{}, err
	}
	return shown(u), nil
}

func (a *API) listUsers(_ context.Context, in *struct{ op.Paging }) (op.Page[User], error) {
	return op.Paginate(in.Paging, userKey, func(after string) iter.Seq[User] {
		return func(yield func(User) bool) {
			users := a.Directory.Users()
			from, found := slices.BinarySearchFunc(users, after, func(u directory.User, key string) int {
				return strings.Compare(userKey(shown(u)), key)
			})
			if found {
				from++
			}
			for _, u := range users[from:] {
				if !yield(shown(u)) {
					return
				}
			}
		}
	})
}

// userKey orders users by domain, then name, as the directory does.
func userKey(u User) string {
	aor := rtc.AOR(u.Address)
	return aor.Domain() + "\n" + aor.User()
}

func (a *API) showUser(_ context.Context, in *UserPath) (User, error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return User{}, err
	}
	return a.user(aor)
}

func (a *API) addUser(ctx context.Context, do *op.Doing, in *struct{ Body NewUser }) (User, error) {
	aor, err := a.Directory.ParseAOR(in.Body.Address)
	if err != nil {
		return User{}, err
	}
	add := directory.AddUser{AOR: aor, DisplayName: in.Body.Display, Password: in.Body.Password}
	for _, text := range in.Body.Aliases {
		alias, err := a.Directory.ParseAlias(text, aor.Domain())
		if err != nil {
			return User{}, err
		}
		add.Aliases = append(add.Aliases, alias)
	}
	if err := do.Begin(ctx, op.Resource("users", string(aor)), nil); err != nil {
		return User{}, err
	}
	password, err := a.Directory.Add(ctx, add)
	if err != nil {
		return User{}, err
	}
	out, err := a.user(aor)
	do.After = out
	out.Password = password
	return out, err
}

// beginUser begins the change of a user who is there.
func (a *API) beginUser(ctx context.Context, do *op.Doing, name string) (rtc.AOR, error) {
	aor, err := a.Directory.ParseAOR(name)
	if err != nil {
		return aor, err
	}
	return aor, do.Begin(ctx, op.Resource("users", string(aor)), func() (any, error) { return a.user(aor) })
}

func (a *API) changeUser(ctx context.Context, do *op.Doing, in *struct {
	UserPath
	Body UserChange
}) (User, error) {
	aor, err := a.beginUser(ctx, do, in.User)
	if err != nil {
		return User{}, err
	}
	password, err := a.applyUser(ctx, aor, in.Body)
	if err != nil {
		return User{}, err
	}
	out, err := a.user(aor)
	do.After = out
	out.Password = password
	return out, err
}

func (a *API) applyUser(ctx context.Context, aor rtc.AOR, in UserChange) (password string, err error) {
	if in.Enabled != nil && *in.Enabled {
		err = a.Directory.Enable(ctx, aor)
	}
	if in.Enabled != nil && !*in.Enabled {
		if err = a.Directory.Disable(ctx, aor); err == nil {
			err = a.unbind(ctx, aor)
		}
	}
	if err == nil && in.AddAlias != "" {
		err = a.Directory.AddAlias(ctx, aor, in.AddAlias)
	}
	if err == nil && in.RemoveAlias != "" {
		err = a.Directory.RemoveAlias(ctx, aor, in.RemoveAlias)
	}
	if err == nil && in.Password != nil {
		password, err = a.Directory.SetPassword(ctx, aor, *in.Password)
	}
	return password, err
}

// unbind removes the bindings of a user who may no longer be reached.
func (a *API) unbind(ctx context.Context, aor rtc.AOR) error {
	if a.Location == nil {
		return nil
	}
	_, err := a.Location.Remove(ctx, aor, func(*location.Binding) bool { return true })
	return err
}

func (a *API) deleteUser(ctx context.Context, do *op.Doing, in *UserPath) (User, error) {
	aor, err := a.beginUser(ctx, do, in.User)
	if err != nil {
		return User{}, err
	}
	if err = a.Directory.Delete(ctx, aor); err == nil {
		err = a.unbind(ctx, aor)
	}
	return do.Before.(User), err
}

// Imported is what an import made.
type Imported struct {
	Users []User `json:"users" yaml:"users" nullable:"false" doc:"With the passwords that were generated"`
}

func (a *API) importUsers(ctx context.Context, do *op.Doing, in *struct {
	RawBody []byte `contentType:"text/csv"`
}) (Imported, error) {
	if err := do.Begin(ctx, op.Resource("users"), nil); err != nil {
		return Imported{}, err
	}
	added, err := a.Directory.Import(ctx, bytes.NewReader(in.RawBody))
	if err != nil {
		return Imported{}, err
	}
	out := Imported{Users: make([]User, len(added))}
	names := make([]string, len(added))
	for i, u := range added {
		names[i] = string(u.AOR)
		out.Users[i] = User{Address: names[i], Enabled: true, Password: u.Password}
	}
	do.After = map[string]any{"added": names}
	return out, nil
}
