package api

import (
	"context"
	"net/http"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
)

// User is a user as shown. Password is set once, in the answer that made it.
type User struct {
	Address  string   `json:"address" yaml:"address"`
	Display  string   `json:"display,omitempty" yaml:"display,omitempty"`
	Enabled  bool     `json:"enabled" yaml:"enabled"`
	Aliases  []string `json:"aliases,omitempty" yaml:"aliases,omitempty"`
	Password string   `json:"password,omitempty" yaml:"password,omitempty"`
}

// UserChange is what a PATCH may change; an empty Password has one generated.
type UserChange struct {
	Enabled     *bool   `json:"enabled,omitempty"`
	Password    *string `json:"password,omitempty"`
	AddAlias    string  `json:"add_alias,omitempty"`
	RemoveAlias string  `json:"remove_alias,omitempty"`
}

// Device is a device secret. Password is set once, in the answer that made it.
type Device struct {
	User     string    `json:"user" yaml:"user"`
	Name     string    `json:"name" yaml:"name"`
	Username string    `json:"username" yaml:"username"`
	Password string    `json:"password,omitempty" yaml:"password,omitempty"`
	Created  time.Time `json:"created,omitzero" yaml:"created,omitempty"`
	LastUsed time.Time `json:"last_used,omitzero" yaml:"last_used,omitempty"`
}

func shown(u directory.User) User {
	s := User{Address: string(u.AOR), Display: u.DisplayName, Enabled: u.Enabled}
	for _, a := range u.Aliases {
		s.Aliases = append(s.Aliases, string(a))
	}
	return s
}

func (c *Core) listUsers(w http.ResponseWriter, _ *http.Request) {
	list := []User{}
	for _, u := range c.Directory.Users() {
		list = append(list, shown(u))
	}
	reply(w, list)
}

func (c *Core) addUser(w http.ResponseWriter, r *http.Request) {
	var in User
	if !decode(w, r, &in) {
		return
	}
	aor, err := c.Directory.ParseAOR(in.Address)
	if err != nil {
		fail(w, err)
		return
	}
	add := directory.AddUser{AOR: aor, DisplayName: in.Display, Password: in.Password}
	for _, a := range in.Aliases {
		alias, err := c.Directory.ParseAlias(a, aor.Domain())
		if err != nil {
			fail(w, err)
			return
		}
		add.Aliases = append(add.Aliases, alias)
	}
	password, err := c.Directory.Add(r.Context(), add)
	if err != nil {
		fail(w, err)
		return
	}
	u, _ := c.Directory.User(aor)
	out := shown(u)
	out.Password = password
	reply(w, out)
}

func (c *Core) importUsers(w http.ResponseWriter, r *http.Request) {
	added, err := c.Directory.Import(r.Context(), http.MaxBytesReader(w, r.Body, 256<<20))
	if err != nil {
		fail(w, err)
		return
	}
	list := make([]User, len(added))
	for i, a := range added {
		list[i] = User{Address: string(a.AOR), Enabled: true, Password: a.Password}
	}
	reply(w, list)
}

func (c *Core) changeUser(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	var in UserChange
	if !ok || !decode(w, r, &in) {
		return
	}
	out, err := c.change(r.Context(), aor, in)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, out)
}

func (c *Core) change(ctx context.Context, aor rtc.AOR, in UserChange) (out User, err error) {
	if in.Enabled != nil && *in.Enabled {
		err = c.Directory.Enable(ctx, aor)
	}
	if in.Enabled != nil && !*in.Enabled {
		if err = c.Directory.Disable(ctx, aor); err == nil {
			err = c.unbind(ctx, aor)
		}
	}
	if err == nil && in.AddAlias != "" {
		err = c.Directory.AddAlias(ctx, aor, in.AddAlias)
	}
	if err == nil && in.RemoveAlias != "" {
		err = c.Directory.RemoveAlias(ctx, aor, in.RemoveAlias)
	}
	if err != nil {
		return out, err
	}
	var password string
	if in.Password != nil {
		if password, err = c.Directory.SetPassword(ctx, aor, *in.Password); err != nil {
			return out, err
		}
	}
	u, ok := c.Directory.User(aor)
	if !ok {
		return out, directory.ErrUnknownUser
	}
	out = shown(u)
	out.Password = password
	return out, nil
}

// unbind removes the bindings of a user who may no longer be reached.
func (c *Core) unbind(ctx context.Context, aor rtc.AOR) error {
	if c.Location == nil {
		return nil
	}
	_, err := c.Location.Remove(ctx, aor, func(*location.Binding) bool { return true })
	return err
}

func (c *Core) deleteUser(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	if !ok {
		return
	}
	err := c.Directory.Delete(r.Context(), aor)
	if err == nil {
		err = c.unbind(r.Context(), aor)
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, User{Address: string(aor)})
}

func (c *Core) listDevices(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	if !ok {
		return
	}
	devices, err := c.Directory.Devices(aor)
	if err != nil {
		fail(w, err)
		return
	}
	list := []Device{}
	for _, d := range devices {
		list = append(list, Device{User: string(aor), Name: d.Name, Username: d.Username, Created: d.Created, LastUsed: d.LastUsed})
	}
	reply(w, list)
}

func (c *Core) addDevice(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	var in Device
	if !ok || !decode(w, r, &in) {
		return
	}
	username, password, err := c.Directory.AddDevice(r.Context(), aor, in.Name)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, Device{User: string(aor), Name: in.Name, Username: username, Password: password, Created: time.Now()})
}

// revokeDevice makes the device's password worthless and drops its bindings.
func (c *Core) revokeDevice(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	if !ok {
		return
	}
	name := r.PathValue("device")
	err := c.Directory.RevokeDevice(r.Context(), aor, name)
	if err == nil && c.Location != nil {
		_, err = c.Location.Remove(r.Context(), aor, func(b *location.Binding) bool { return b.Device == name })
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, Device{User: string(aor), Name: name})
}
