package phones

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/sipphone"
)

// PhoneChange is what may be set of a phone; what is absent stays, or has its default.
type PhoneChange struct {
	Family   *string            `json:"family,omitempty"`
	Model    *string            `json:"model,omitempty"`
	Label    *string            `json:"label,omitempty" doc:"For people"`
	Site     *string            `json:"site,omitempty"`
	Timezone *string            `json:"timezone,omitempty" doc:"IANA name" example:"Europe/Berlin"`
	Language *string            `json:"language,omitempty" doc:"Two letters"`
	Lines    *[]NewPhoneLine    `json:"lines,omitempty" doc:"All its lines, in the order of its keys"`
	Keys     *[]string          `json:"keys,omitempty" doc:"All its further keys, as KIND:TARGET:LABEL" example:"[\"lamp:bob:Bob\"]"`
	Settings *map[string]string `json:"settings,omitempty" doc:"Changed; one with an empty value is removed"`
	Renew    bool               `json:"renew,omitempty" doc:"New secrets: those in use are worthless at once, and the window opens"`
}

// NewPhoneLine is a line to be made.
type NewPhoneLine struct {
	User   string `json:"user" example:"alice"`
	Label  string `json:"label,omitempty"`
	Shared bool   `json:"shared,omitempty"`
}

// NewPhone is a phone to be added.
type NewPhone struct {
	MAC string `json:"mac" example:"00:04:f2:aa:bb:cc"`
	PhoneChange
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (n *nouns) apply(c *PhoneChange, p *sipphone.Phone) error {
	set(&p.Family, c.Family)
	set(&p.Model, c.Model)
	set(&p.Label, c.Label)
	set(&p.Site, c.Site)
	set(&p.Timezone, c.Timezone)
	set(&p.Language, c.Language)
	if c.Lines != nil {
		p.Lines, p.Guest = nil, nil
		for _, l := range *c.Lines {
			aor, err := n.user(l.User)
			if err != nil {
				return err
			}
			p.Lines = append(p.Lines, sipphone.Line{User: aor, Label: l.Label, Shared: l.Shared})
		}
	}
	if c.Keys != nil {
		p.Keys = nil
		for _, text := range *c.Keys {
			k, err := sipphone.ParseKey(text)
			if err != nil {
				return err
			}
			p.Keys = append(p.Keys, k)
		}
	}
	if c.Settings != nil {
		settings := maps.Clone(p.Settings)
		if settings == nil {
			settings = make(map[string]string)
		}
		for name, value := range *c.Settings {
			if value == "" {
				delete(settings, name)
			} else {
				settings[name] = value
			}
		}
		p.Settings = settings
	}
	if c.Renew {
		p.Generation++
	}
	return nil
}

func (n *nouns) fresh(in *NewPhone) (p sipphone.Phone, err error) {
	if p.MAC, err = sipphone.ParseMAC(in.MAC); err != nil {
		return p, err
	}
	if err := n.apply(&in.PhoneChange, &p); err != nil {
		return p, err
	}
	p.Generation = 1
	if p.Family == "" {
		p.Family = n.guess(p.MAC)
	}
	if p.Family == "" {
		return p, problem.Invalid("family_unknown", fmt.Sprintf("the family of the phone cannot be determined from its MAC %s", p.MAC.Colons()),
			"name it: one of "+strings.Join(n.families(), ", "))
	}
	return p, nil
}

// guess is the family of a MAC: what it asked for when it stands in the inbox,
// else that of most MACs which begin so.
func (n *nouns) guess(mac sipphone.MAC) string {
	for _, u := range n.Inventory.Inbox() {
		if u.MAC == mac && u.Family != "" {
			return u.Family
		}
	}
	if f := n.Families().ByOUI(mac); f != nil {
		return f.Name
	}
	return ""
}

func (n *nouns) families() (names []string) {
	for _, f := range n.Families().All() {
		names = append(names, f.Name)
	}
	return names
}

func (n *nouns) add(ctx context.Context, do *op.Doing, in *struct{ Body NewPhone }) (Phone, error) {
	p, err := n.fresh(&in.Body)
	if err != nil {
		return Phone{}, err
	}
	return n.insert(ctx, do, p)
}

func (n *nouns) insert(ctx context.Context, do *op.Doing, p sipphone.Phone) (Phone, error) {
	if err := do.Begin(ctx, op.Resource("phones", string(p.MAC)), nil); err != nil {
		return Phone{}, err
	}
	if err := n.Inventory.Add(ctx, p); err != nil {
		return Phone{}, err
	}
	added, err := n.Inventory.Get(p.MAC)
	out := n.shown(&added)
	do.After = out
	return out, err
}

// ImportedPhones is how many phones were added.
type ImportedPhones struct {
	Phones int `json:"phones"`
}

func (n *nouns) imports(ctx context.Context, do *op.Doing, in *struct {
	Body struct {
		Phones []NewPhone `json:"phones" minItems:"1" maxItems:"10000"`
	}
}) (ImportedPhones, error) {
	var list []sipphone.Phone
	for i := range in.Body.Phones {
		p, err := n.fresh(&in.Body.Phones[i])
		if err != nil {
			return ImportedPhones{}, fmt.Errorf("phone %d: %w", i+1, err)
		}
		list = append(list, p)
	}
	if err := do.Begin(ctx, "phones", nil); err != nil {
		return ImportedPhones{}, err
	}
	out := ImportedPhones{len(list)}
	do.After = out
	return out, n.Inventory.Add(ctx, list...)
}

func (n *nouns) change(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body PhoneChange
}) (Phone, error) {
	return n.alter(ctx, do, &in.Path, func(p *sipphone.Phone) error { return n.apply(&in.Body, p) })
}

// begin begins a change of a phone, which is recorded as it was before.
func (n *nouns) begin(ctx context.Context, do *op.Doing, in *Path) (sipphone.MAC, error) {
	mac, err := in.mac()
	if err != nil {
		return mac, err
	}
	return mac, do.Begin(ctx, op.Resource("phones", string(mac)), func() (any, error) { return n.show(ctx, in) })
}

// alter changes a phone and shows it as it is then. New secrets open its window:
// it cannot ask with the old ones.
func (n *nouns) alter(ctx context.Context, do *op.Doing, in *Path, f func(*sipphone.Phone) error) (Phone, error) {
	mac, err := n.begin(ctx, do, in)
	if err != nil {
		return Phone{}, err
	}
	again := n.fetchAgain(mac)
	renewed, moved := false, false
	p, err := n.Inventory.Change(ctx, mac, func(p *sipphone.Phone) error {
		before, lines := p.Generation, p.Lines
		err := f(p)
		renewed = p.Generation != before
		moved = renewed || !slices.EqualFunc(lines, p.Lines, func(a, b sipphone.Line) bool { return a.User == b.User })
		return err
	})
	if err == nil && renewed {
		err = n.Inventory.Open(ctx, mac, renewWindow)
	}
	if err == nil && moved { // later it could not be told: its registrations are gone
		err = again(ctx)
	}
	out := n.shown(&p)
	do.After = out
	return out, err
}

func (n *nouns) remove(ctx context.Context, do *op.Doing, in *Path) (Phone, error) {
	mac, err := n.begin(ctx, do, in)
	if err != nil {
		return Phone{}, err
	}
	return do.Before.(Phone), n.Inventory.Remove(ctx, mac)
}
