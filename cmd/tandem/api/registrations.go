package api

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/reach"
)

// Registration is one binding as shown.
type Registration struct {
	Address   string    `json:"address" yaml:"address" doc:"Address-of-record"`
	Contact   string    `json:"contact" yaml:"contact" doc:"Contact URI"`
	Expires   time.Time `json:"expires" yaml:"expires"`
	AtMost    bool      `json:"at_most,omitempty" yaml:"at_most,omitempty" doc:"The registration is of before a crash: it ends then at the latest"`
	Reached   string    `json:"reached" yaml:"reached" enum:"flow,path,contact,lost,silent" doc:"By what the phone is reached: the flow it registered by, its edge proxy, a new connection to its contact, at which it may not listen, or nothing until it registers again; silent: it has not answered OPTIONS (registrar.qualify)"`
	Q         float64   `json:"q" yaml:"q" doc:"Preference, 0 to 1"`
	Flow      string    `json:"flow,omitempty" yaml:"flow,omitempty" doc:"Transport, local and remote address it came by"`
	UserAgent string    `json:"user_agent,omitempty" yaml:"user_agent,omitempty"`
	Device    string    `json:"device,omitempty" yaml:"device,omitempty" doc:"Device whose password was used"`
	Instance  string    `json:"instance,omitempty" yaml:"instance,omitempty" doc:"+sip.instance (RFC 5626)"`
	CallID    string    `json:"call_id" yaml:"call_id"`
}

// Removed is how many registrations were removed.
type Removed struct {
	Removed int `json:"removed" yaml:"removed"`
}

func (a *API) registerRegistrations() {
	op.Read(a.set, op.Op{Path: "/registrations", ID: "list-registrations", Short: "List registrations, of all users or of one",
		Scope: access.Read("registrations"), Needs: a.running}, a.listRegistrations)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/registrations/{user}", ID: "remove-registrations",
		Short: "End a user's registrations", Long: "A phone that goes on refreshing comes back.",
		Scope: access.Write("registrations"), Event: "registrations.removed", Needs: a.running}, a.removeRegistrations)
}

func registration(aor rtc.AOR, b *location.Binding) Registration {
	r := Registration{Address: string(aor), Contact: b.URI, Expires: b.Expires.Truncate(time.Second), AtMost: b.Restored, Reached: string(reach.MeansOf(b)), Q: float64(b.Q) / 1000,
		UserAgent: b.UserAgent, Device: b.Device, Instance: b.Instance, CallID: b.CallID}
	if !b.Flow.IsZero() {
		r.Flow = b.Flow.String()
	}
	return r
}

// key is unique: an address has a contact once for each Call-ID and instance.
func (r Registration) key() string {
	return r.Address + "\n" + r.Contact + "\n" + r.Instance + "\n" + r.CallID
}

func (a *API) listRegistrations(_ context.Context, in *struct {
	op.Paging
	User string `query:"user" doc:"Only those of this user"`
}) (op.Page[Registration], error) {
	only := rtc.AOR("")
	if in.User != "" {
		var err error
		if only, err = a.Directory.ParseAOR(in.User); err != nil {
			return op.Page[Registration]{}, err
		}
	}
	return op.Paginate(in.Paging, Registration.key, func(after string) iter.Seq[Registration] {
		return a.registrationsAfter(only, after)
	})
}

// registrationsAfter yields registrations in the order of their keys, of one
// address or ("") of all.
func (a *API) registrationsAfter(only rtc.AOR, after string) iter.Seq[Registration] {
	var list []Registration
	add := func(aor rtc.AOR, bindings []location.Binding) {
		for i := range bindings {
			r := registration(aor, &bindings[i])
			if a.Silent != nil && a.Silent(aor, &bindings[i]) {
				r.Reached = "silent"
			}
			if r.key() > after {
				list = append(list, r)
			}
		}
	}
	if only != "" {
		add(only, a.Location.Bindings(only))
	} else {
		for aor, bindings := range a.Location.All() {
			if string(aor) >= after[:min(len(aor), len(after))] {
				add(aor, bindings)
			}
		}
	}
	slices.SortFunc(list, func(a, b Registration) int { return cmp.Compare(a.key(), b.key()) })
	return slices.Values(list)
}

func (a *API) removeRegistrations(ctx context.Context, do *op.Doing, in *struct {
	User    string `path:"user"`
	Contact string `query:"contact" doc:"Only the one with this contact URI"`
}) (Removed, error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return Removed{}, err
	}
	if err := do.Begin(ctx, op.Resource("registrations", string(aor)), nil); err != nil {
		return Removed{}, err
	}
	n, err := a.Location.Remove(ctx, aor, location.Deactivated, func(b *location.Binding) bool { return in.Contact == "" || b.URI == in.Contact })
	if err != nil {
		return Removed{}, err
	}
	if n == 0 {
		return Removed{}, problem.Unknown("registration_unknown", fmt.Sprintf("%s has no such registration", aor), "see: tandem registrations list")
	}
	do.After = Removed{n}
	return Removed{n}, nil
}
