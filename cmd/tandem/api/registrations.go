package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"sort"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
)

// Registration is one binding as shown.
type Registration struct {
	Address   string    `json:"address" yaml:"address"`
	Contact   string    `json:"contact" yaml:"contact"`
	Expires   time.Time `json:"expires" yaml:"expires"`
	Q         float64   `json:"q" yaml:"q"`
	Flow      string    `json:"flow,omitempty" yaml:"flow,omitempty"`
	UserAgent string    `json:"user_agent,omitempty" yaml:"user_agent,omitempty"`
	Device    string    `json:"device,omitempty" yaml:"device,omitempty"`
	Instance  string    `json:"instance,omitempty" yaml:"instance,omitempty"`
	CallID    string    `json:"call_id" yaml:"call_id"`
}

// Ban is an address, or one user at it, that is not listened to for a while.
type Ban struct {
	Addr  string    `json:"addr" yaml:"addr"`
	User  string    `json:"user,omitempty" yaml:"user,omitempty"`
	Until time.Time `json:"until" yaml:"until"`
	Times int       `json:"times" yaml:"times"`
}

func registration(aor rtc.AOR, b *location.Binding) Registration {
	r := Registration{Address: string(aor), Contact: b.URI, Expires: b.Expires.Truncate(time.Second), Q: float64(b.Q) / 1000,
		UserAgent: b.UserAgent, Device: b.Device, Instance: b.Instance, CallID: b.CallID}
	if !b.Flow.IsZero() {
		r.Flow = b.Flow.String()
	}
	return r
}

// listRegistrations lists all bindings, or those of ?user=.
func (c *Core) listRegistrations(w http.ResponseWriter, r *http.Request) {
	list := []Registration{}
	add := func(aor rtc.AOR, bindings []location.Binding) {
		for i := range bindings {
			list = append(list, registration(aor, &bindings[i]))
		}
	}
	if u := r.FormValue("user"); u != "" {
		aor, err := c.Directory.ParseAOR(u)
		if err != nil {
			fail(w, err)
			return
		}
		add(aor, c.Location.Bindings(aor))
	} else {
		for aor, bindings := range c.Location.All() {
			add(aor, bindings)
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].Address < list[j].Address })
	}
	reply(w, list)
}

// removeRegistrations removes the bindings of a user, or the one whose contact
// URI is ?contact=.
func (c *Core) removeRegistrations(w http.ResponseWriter, r *http.Request) {
	aor, ok := c.user(w, r)
	if !ok {
		return
	}
	contact := r.FormValue("contact")
	n, err := c.Location.Remove(r.Context(), aor, func(b *location.Binding) bool { return contact == "" || b.URI == contact })
	if err == nil && n == 0 {
		err = fmt.Errorf("%s has no such registration; see: tandem registrations list", aor)
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, map[string]int{"removed": n})
}

func (c *Core) listBans(w http.ResponseWriter, _ *http.Request) {
	list := []Ban{}
	for _, b := range c.Gate.Bans() {
		list = append(list, Ban{Addr: b.Addr.String(), User: b.User, Until: b.Until.Truncate(time.Second), Times: b.Times})
	}
	reply(w, list)
}

func (c *Core) liftBan(w http.ResponseWriter, r *http.Request) {
	addr, err := netip.ParseAddr(r.PathValue("addr"))
	if err != nil {
		fail(w, fmt.Errorf("%q is not an IP address; see: tandem bans list", r.PathValue("addr")))
		return
	}
	reply(w, map[string]int{"lifted": c.Gate.Unban(addr, r.FormValue("user"))})
}
