package api

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
)

// User is a user as shown. Password is set once, in the answer that made it.
type User struct {
	Address  string `json:"address" yaml:"address" doc:"Address-of-record" example:"sip:alice@example.com"`
	Display  string `json:"display,omitempty" yaml:"display,omitempty" doc:"Display name"`
	Profile  `yaml:",inline"`
	Enabled  bool              `json:"enabled" yaml:"enabled" doc:"May register and be reached"`
	Aliases  []string          `json:"aliases,omitempty" yaml:"aliases,omitempty" doc:"Further addresses and telephone numbers"`
	Direct   map[string]string `json:"direct,omitempty" yaml:"direct,omitempty" doc:"The one device that rings for an alias, by its name or instance; the others have all devices ring" example:"{\"tel:+49301234567\":\"desk-phone\"}"`
	Password string            `json:"password,omitempty" yaml:"password,omitempty" doc:"Only in the answer that made it"`
}

// Profile is what people know of a user.
type Profile struct {
	Mail       string   `json:"mail,omitempty" yaml:"mail,omitempty" doc:"Mail address" example:"alice@example.com"`
	Department string   `json:"department,omitempty" yaml:"department,omitempty"`
	Site       string   `json:"site,omitempty" yaml:"site,omitempty" doc:"Where the user works; empty: the default site"`
	Extension  string   `json:"extension,omitempty" yaml:"extension,omitempty" doc:"Short number within the site" example:"100"`
	Numbers    []string `json:"numbers,omitempty" yaml:"numbers,omitempty" doc:"Telephone numbers; they stand among the aliases, too" example:"[\"+49301234567\"]"`
	Groups     []string `json:"groups,omitempty" yaml:"groups,omitempty"`
}

// NewUser is a user to be made.
type NewUser struct {
	Address string `json:"address" doc:"alice, alice@example.com or sip:alice@example.com" example:"alice"`
	Display string `json:"display,omitempty" doc:"Display name"`
	Profile
	Aliases  []string `json:"aliases,omitempty" doc:"Further addresses and telephone numbers"`
	Password string   `json:"password,omitempty" doc:"Absent: one is generated and answered this once"`
}

// UserChange is what may be changed; what is absent stays. An empty Password has
// one generated.
type UserChange struct {
	Enabled     *bool     `json:"enabled,omitempty" doc:"false shuts the user out and ends their registrations"`
	Password    *string   `json:"password,omitempty" doc:"Empty: one is generated and answered this once"`
	Display     *string   `json:"display,omitempty" doc:"Display name"`
	Mail        *string   `json:"mail,omitempty"`
	Department  *string   `json:"department,omitempty"`
	Site        *string   `json:"site,omitempty"`
	Extension   *string   `json:"extension,omitempty"`
	Numbers     *[]string `json:"numbers,omitempty" doc:"All telephone numbers; other aliases stay"`
	Groups      *[]string `json:"groups,omitempty" doc:"All groups"`
	AddAlias    string    `json:"add_alias,omitempty"`
	Device      string    `json:"device,omitempty" doc:"With add_alias: the one device that rings, its name or its instance (urn:uuid:…); absent: all ring" example:"desk-phone"`
	RemoveAlias string    `json:"remove_alias,omitempty"`
}

func (a *API) registerUsers() {
	read, write := access.Read("users"), access.Write("users")
	op.Read(a.set, op.Op{Path: "/users", ID: "list-users", Short: "List users",
		Long:  "With search: those of whom every word is part of something, name, number, mail, department and all; the best first, on one page.",
		Scope: read}, a.listUsers)
	op.Read(a.set, op.Op{Path: "/users/{user}", ID: "show-user", Short: "Show one user", Scope: read}, a.showUser)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/users", ID: "add-user", Short: "Make a user", Scope: write,
		Status: http.StatusCreated, Event: "user.added"}, a.addUser)
	op.Change(a.set, op.Op{Method: http.MethodPatch, Path: "/users/{user}", ID: "change-user", Short: "Change a user", Scope: write,
		Event: "user.changed"}, a.changeUser)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/users/{user}", ID: "delete-user",
		Short: "Delete a user with their devices and registrations", Scope: write, Event: "user.deleted"}, a.deleteUser)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/users/import", ID: "import-users", Short: "Make users from CSV, all or none",
		Long:  "Columns by a header line, in any order: user, display, password, mail, department, site, extension, numbers, groups, aliases; without one: user, display name, password, then any number of aliases. Commas, semicolons, tabs or bars. An empty password has one generated, which is answered this once. At most 20,000 users go at once.",
		Scope: write, Event: "users.imported", Body: op.MaxBody}, a.importUsers)
}

func shown(u directory.User) User {
	s := User{Address: string(u.AOR), Display: u.DisplayName, Enabled: u.Enabled, Profile: Profile{Mail: u.Mail,
		Department: u.Department, Site: u.Site, Extension: u.Extension, Numbers: u.Numbers(), Groups: u.Groups}}
	for _, a := range u.Aliases {
		s.Aliases = append(s.Aliases, string(a))
	}
	if len(u.Direct) > 0 {
		s.Direct = make(map[string]string, len(u.Direct))
		for alias, device := range u.Direct {
			s.Direct[string(alias)] = device
		}
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

func (a *API) listUsers(_ context.Context, in *struct {
	op.Paging
	Search string `query:"search" maxLength:"128" doc:"Words that are part of something known of the user" example:"smith sales"`
}) (op.Page[User], error) {
	if in.Search != "" {
		page := op.Page[User]{Items: []User{}}
		for _, u := range a.Directory.Search(in.Search, in.Limit) {
			page.Items = append(page.Items, shown(u))
		}
		return page, nil
	}
	return op.Paginate(in.Paging, userKey, func(after string) iter.Seq[User] {
		return func(yield func(User) bool) {
			for u := range a.Directory.After(rtc.AOR(after)) {
				if !yield(shown(u)) {
					return
				}
			}
		}
	})
}

func userKey(u User) string { return u.Address }

func (a *API) showUser(_ context.Context, in *op.UserPath) (User, error) {
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
	p := in.Body.Profile
	add := directory.AddUser{AOR: aor, DisplayName: in.Body.Display, Password: in.Body.Password,
		Mail: p.Mail, Department: p.Department, Site: p.Site, Extension: p.Extension, Numbers: p.Numbers, Groups: p.Groups}
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
	op.UserPath
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
	if in.Device != "" && in.AddAlias == "" {
		return "", problem.Invalid("alias_missing", "device needs add_alias: it names the device that rings for that alias", "name the address or number in add_alias")
	}
	if in.Enabled != nil && *in.Enabled {
		err = a.Directory.Enable(ctx, aor)
	}
	if in.Enabled != nil && !*in.Enabled {
		if err = a.Directory.Disable(ctx, aor); err == nil {
			err = a.unbind(ctx, aor)
		}
	}
	profile := directory.Change{DisplayName: in.Display, Mail: in.Mail, Department: in.Department, Site: in.Site,
		Extension: in.Extension, Numbers: in.Numbers, Groups: in.Groups}
	if err == nil && profile != (directory.Change{}) {
		err = a.Directory.Change(ctx, aor, profile)
	}
	if err == nil && in.AddAlias != "" {
		err = a.Directory.AddDirect(ctx, aor, a.dialled(aor, in.AddAlias), in.Device)
	}
	if err == nil && in.RemoveAlias != "" {
		err = a.Directory.RemoveAlias(ctx, aor, in.RemoveAlias)
	}
	if err == nil && in.Password != nil {
		password, err = a.Directory.SetPassword(ctx, aor, *in.Password)
	}
	return password, err
}

// longestExtension is how many characters short numbers within a house have at most.
const longestExtension = 8

// dialled is an alias with a number in E.164, if it is one as it is dialled at the user's
// site, behind a 0: as an address nobody outside could call it. What is as short as an
// extension stays as it is.
func (a *API) dialled(aor rtc.AOR, alias string) string {
	if a.Numbers == nil || !strings.HasPrefix(alias, "0") {
		return alias
	}
	site := ""
	if u, err := a.user(aor); err == nil {
		site = u.Site
	}
	if n, err := a.Numbers(site).Parse(alias); err == nil && n.Global() && len(n.String()) > longestExtension {
		return n.String()
	}
	return alias
}

// unbind removes the bindings of a user who may no longer be reached.
func (a *API) unbind(ctx context.Context, aor rtc.AOR) error {
	if a.Location == nil {
		return nil
	}
	_, err := a.Location.Remove(ctx, aor, location.Rejected, func(*location.Binding) bool { return true })
	return err
}

func (a *API) deleteUser(ctx context.Context, do *op.Doing, in *op.UserPath) (User, error) {
	aor, err := a.beginUser(ctx, do, in.User)
	if err != nil {
		return User{}, err
	}
	if err = a.Directory.Delete(ctx, aor); err == nil {
		err = a.forget(ctx, aor)
	}
	return do.Before.(User), err
}

// forget has every room drop what it keeps of a user who is no more.
func (a *API) forget(ctx context.Context, aor rtc.AOR) error {
	err := errors.Join(a.unbind(ctx, aor), a.Policy.Forget(ctx, aor), a.Settings.Forget(ctx, aor), a.Presence.Forget(ctx, aor))
	if a.State != nil {
		err = errors.Join(err, a.Tokens.Forget(ctx, string(aor)))
	}
	if a.Contacts != nil {
		err = errors.Join(err, a.Contacts.Forget(ctx, aor))
	}
	if a.Kept != nil {
		err = errors.Join(err, a.Kept.Forget(ctx, aor))
	}
	return err
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
