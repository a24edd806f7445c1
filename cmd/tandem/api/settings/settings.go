// Package settings is the operations on how users want to be called.
package settings

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc/directory"
	"tandem/telephony/settings"
)

// Settings are how a user wants to be called, as shown.
type Settings struct {
	User            string `json:"user" yaml:"user" doc:"Address of the user"`
	Always          string `json:"always,omitempty" yaml:"always,omitempty" doc:"Where all calls go, before a phone rings: a user, an extension or a number, as the user dials it"`
	Busy            string `json:"busy,omitempty" yaml:"busy,omitempty" doc:"Where calls go when the user is busy, declines or is not to be disturbed"`
	NoAnswer        string `json:"no_answer,omitempty" yaml:"no_answer,omitempty" doc:"Where calls go that nobody answers within the ring time"`
	Unreachable     string `json:"unreachable,omitempty" yaml:"unreachable,omitempty" doc:"Where calls go when no phone can be reached"`
	DoNotDisturb    bool   `json:"do_not_disturb" yaml:"do_not_disturb" doc:"No phone rings"`
	CallWaiting     bool   `json:"call_waiting" yaml:"call_waiting" doc:"Phones ring while the user is in a call; else others find the user busy"`
	RingSeconds     int    `json:"ring_s,omitempty" yaml:"ring_s,omitempty" doc:"How long the phones ring; absent: the server's ring time"`
	Also            string `json:"also,omitempty" yaml:"also,omitempty" doc:"A user or a number outside that rings together with the phones"`
	RefuseAnonymous bool   `json:"refuse_anonymous" yaml:"refuse_anonymous" doc:"Callers who withhold their identity are refused (433)"`
	Withhold        bool   `json:"withhold" yaml:"withhold" doc:"The user's own identity is withheld in all calls"`
}

// SettingsChange is what may be set; what is absent stays, and "" or 0 takes it back.
type SettingsChange struct {
	Always          *string `json:"always,omitempty"`
	Busy            *string `json:"busy,omitempty"`
	NoAnswer        *string `json:"no_answer,omitempty"`
	Unreachable     *string `json:"unreachable,omitempty"`
	DoNotDisturb    *bool   `json:"do_not_disturb,omitempty"`
	CallWaiting     *bool   `json:"call_waiting,omitempty"`
	RingSeconds     *int    `json:"ring_s,omitempty" minimum:"0" maximum:"180"`
	Also            *string `json:"also,omitempty"`
	RefuseAnonymous *bool   `json:"refuse_anonymous,omitempty"`
	Withhold        *bool   `json:"withhold,omitempty"`
}

// Rooms are what the operations act on.
type Rooms struct {
	Settings  *settings.Table
	Directory *directory.Directory
}

type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	op.Read(set, op.Op{Path: "/users/{user}/call-settings", ID: "show-call-settings", Short: "Show how a user wants to be called",
		Scope: access.Read("users")}, n.show)
	op.Change(set, op.Op{Method: http.MethodPatch, Path: "/users/{user}/call-settings", ID: "change-call-settings",
		Short: "Change how a user wants to be called", Long: "Counts for the next call.",
		Scope: access.Write("users"), Event: "call_settings.changed"}, n.change)
}

func shown(u settings.User) Settings {
	return Settings{User: string(u.AOR), Always: u.Always, Busy: u.Busy, NoAnswer: u.NoAnswer, Unreachable: u.Unreachable,
		DoNotDisturb: u.DoNotDisturb, CallWaiting: !u.NoWaiting, RingSeconds: int(u.RingTime / time.Second), Also: u.Also,
		RefuseAnonymous: u.RefuseAnonymous, Withhold: u.Withhold}
}

func (n *nouns) show(_ context.Context, in *op.UserPath) (Settings, error) {
	aor, err := n.Directory.Named(in.User)
	return shown(n.Settings.Of(aor)), err
}

func (n *nouns) change(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	Body SettingsChange
}) (Settings, error) {
	aor, err := n.Directory.Named(in.User)
	if err != nil {
		return Settings{}, err
	}
	err = do.Begin(ctx, op.Resource("users", string(aor), "call-settings"), func() (any, error) { return shown(n.Settings.Of(aor)), nil })
	if err != nil {
		return Settings{}, err
	}
	u, err := n.Settings.Change(ctx, aor, in.Body.apply)
	out := shown(u)
	do.After = out
	return out, err
}

func (c *SettingsChange) apply(u *settings.User) error {
	set(&u.Always, c.Always)
	set(&u.Busy, c.Busy)
	set(&u.NoAnswer, c.NoAnswer)
	set(&u.Unreachable, c.Unreachable)
	set(&u.DoNotDisturb, c.DoNotDisturb)
	set(&u.Also, c.Also)
	set(&u.RefuseAnonymous, c.RefuseAnonymous)
	set(&u.Withhold, c.Withhold)
	if c.CallWaiting != nil {
		u.NoWaiting = !*c.CallWaiting
	}
	if c.RingSeconds != nil {
		u.RingTime = time.Duration(*c.RingSeconds) * time.Second
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
