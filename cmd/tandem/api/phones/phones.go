// Package phones is the operations on desk phones: the inventory, the files they
// get, and what can be told to a phone that is registered. It decides nothing:
// each operation is a call of a room below sipphone.
package phones

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/hotdesk"
	"tandem/sipphone/inventory"
	"tandem/sipphone/invite"
	"tandem/sipphone/notify"
	"tandem/sipphone/provision"
	"tandem/sipphone/waiting"
)

// Room is what the operations act on. With no server running only Inventory,
// Directory and Families are there.
type Room struct {
	Inventory *inventory.Inventory
	Directory *directory.Directory
	Families  func() *family.Set
	Desk      *provision.Desk
	// Registered tells which lines of a phone are registered now, nil when no
	// server runs.
	Registered func(p *sipphone.Phone) []bool
	// Prepare finds how a phone is reached now; what it returns tells it then, and
	// how many of its registrations were told.
	Prepare func(mac sipphone.MAC, what notify.What) (func(context.Context) (int, error), error)
	// Waiting is how many messages wait for users.
	Waiting *waiting.Board
	// Links set softphones up, at FilesURL.
	Links *invite.Links
	// Hotdesk is where users log in by dialling.
	Hotdesk  *hotdesk.Desk
	FilesURL func() string
}

// Phone is a phone as shown.
type Phone struct {
	MAC        string            `json:"mac" yaml:"mac" example:"00:04:f2:aa:bb:cc"`
	Family     string            `json:"family" yaml:"family" doc:"Which files it asks for; see the list of families"`
	Model      string            `json:"model,omitempty" yaml:"model,omitempty"`
	Label      string            `json:"label,omitempty" yaml:"label,omitempty" doc:"For people"`
	Site       string            `json:"site,omitempty" yaml:"site,omitempty"`
	State      string            `json:"state" yaml:"state" enum:"new,fetched,registered,part" doc:"new: never asked for its files; fetched: has them; registered: all its lines are; part: some are"`
	Lines      []PhoneLine       `json:"lines" yaml:"lines" nullable:"false"`
	Keys       []string          `json:"keys,omitempty" yaml:"keys,omitempty" doc:"KIND:TARGET:LABEL, the kind one of dial, lamp, park, intercom, paging"`
	Settings   map[string]string `json:"settings,omitempty" yaml:"settings,omitempty" doc:"Further ones that templates of its family read"`
	Timezone   string            `json:"timezone,omitempty" yaml:"timezone,omitempty"`
	Language   string            `json:"language,omitempty" yaml:"language,omitempty"`
	Generation int               `json:"generation" yaml:"generation" doc:"Of its secrets"`
	Window     time.Time         `json:"window,omitzero" yaml:"window,omitempty" doc:"Until then it gets its files by its MAC alone"`
	Guest      bool              `json:"guest,omitempty" yaml:"guest,omitempty" doc:"Somebody is logged in; its own lines come back at the logout"`
	Firmware   string            `json:"firmware,omitempty" yaml:"firmware,omitempty" doc:"As it said when it last asked for a file or registered"`
	Agent      string            `json:"agent,omitempty" yaml:"agent,omitempty" doc:"User-Agent of that request"`
	From       string            `json:"from,omitempty" yaml:"from,omitempty" doc:"Address it came from"`
	Fetched    time.Time         `json:"fetched,omitzero" yaml:"fetched,omitempty" doc:"When it last asked for a file"`
	Registered time.Time         `json:"registered,omitzero" yaml:"registered,omitempty" doc:"When it last registered"`
	Login      string            `json:"login,omitempty" yaml:"login,omitempty" doc:"How it proved to be the phone: certificate, password or window"`
	Changed    time.Time         `json:"changed" yaml:"changed"`
}

// PhoneLine is a line of a phone as shown.
type PhoneLine struct {
	User       string `json:"user" yaml:"user"`
	Label      string `json:"label,omitempty" yaml:"label,omitempty"`
	Shared     bool   `json:"shared,omitempty" yaml:"shared,omitempty" doc:"The other phones with this line show its state"`
	Registered bool   `json:"registered" yaml:"registered"`
}

// nouns are the operations on a Room.
type nouns struct {
	Room
	running func() error
}

// Register adds the operations on r to set. running is what those ask that need a
// running server.
func Register(set *op.Set, r Room, running func() error) {
	n := &nouns{r, running}
	read, write := access.Read("phones"), access.Write("phones")
	op.Read(set, op.Op{Path: "/phones", ID: "list-phones", Short: "List desk phones", Scope: read}, n.list)
	op.Read(set, op.Op{Path: "/phones/{mac}", ID: "show-phone", Short: "Show one phone", Scope: read}, n.show)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones", ID: "add-phone", Short: "Add a phone",
		Long: "Its files are given by its MAC alone for the time of phones.window.", Scope: write, Status: http.StatusCreated, Event: "phone.added"}, n.add)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/import", ID: "import-phones", Short: "Add several phones, all or none",
		Scope: write, Event: "phones.imported", Body: op.MaxBody}, n.imports)
	op.Change(set, op.Op{Method: http.MethodPatch, Path: "/phones/{mac}", ID: "change-phone", Short: "Change a phone",
		Long: "It learns of it at its next fetch; resync makes it fetch. One that loses a line, or gets new secrets, is told at once.", Scope: write, Event: "phone.changed"}, n.change)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/phones/{mac}", ID: "remove-phone", Short: "Remove a phone; its secrets are worthless at once",
		Scope: write, Event: "phone.removed"}, n.remove)
	n.registerInbox(set)
	n.registerFiles(set)
	n.registerWaiting(set)
	n.registerSecrets(set)
	n.registerSoftphones(set)
	n.registerPINs(set)
}

// Path names a phone in a path.
type Path struct {
	MAC string `path:"mac" doc:"Its MAC address, in any spelling"`
}

func (p *Path) mac() (sipphone.MAC, error) { return sipphone.ParseMAC(p.MAC) }

func (n *nouns) shown(p *sipphone.Phone) Phone {
	out := Phone{MAC: p.MAC.Colons(), Family: p.Family, Model: p.Model, Label: p.Label, Site: p.Site, State: "new", Lines: []PhoneLine{},
		Settings: p.Settings, Timezone: p.Timezone, Language: p.Language, Generation: p.Generation, Guest: len(p.Guest) > 0, Changed: p.Changed}
	if p.Window.After(time.Now()) {
		out.Window = p.Window
	}
	if s, ok := n.Inventory.LastSeen(p.MAC); ok {
		out.Firmware, out.Agent, out.From, out.Fetched, out.Login, out.Registered = s.Firmware, s.Agent, s.From, s.Fetched, s.Login, s.Registered
		if !s.Fetched.IsZero() {
			out.State = "fetched"
		}
		if out.Model == "" {
			out.Model = s.Model
		}
	}
	for _, k := range p.Keys {
		out.Keys = append(out.Keys, k.String())
	}
	up := 0
	var registered []bool
	if n.Registered != nil {
		registered = n.Registered(p)
	}
	for i, l := range p.Lines {
		line := PhoneLine{User: string(l.User), Label: l.Label, Shared: l.Shared, Registered: i < len(registered) && registered[i]}
		if line.Registered {
			up++
		}
		out.Lines = append(out.Lines, line)
	}
	switch {
	case up > 0 && up == len(p.Lines):
		out.State = "registered"
	case up > 0:
		out.State = "part"
	}
	return out
}

func (n *nouns) list(_ context.Context, in *struct{ op.Paging }) (op.Page[Phone], error) {
	list := []Phone{}
	for _, p := range n.Inventory.List() {
		list = append(list, n.shown(&p))
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) show(_ context.Context, in *Path) (Phone, error) {
	mac, err := in.mac()
	if err != nil {
		return Phone{}, err
	}
	p, err := n.Inventory.Get(mac)
	if err != nil {
		return Phone{}, err
	}
	return n.shown(&p), nil
}

// user reads a user of a line as people write it.
func (n *nouns) user(s string) (rtc.AOR, error) { return n.Directory.ParseAOR(s) }
