package phones

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/sipphone"
	"tandem/sipphone/notify"
)

// renewWindow is for how long a phone whose secrets are new gets its files by its
// MAC alone; resyncWindow, one that is told to fetch them.
const (
	renewWindow  = time.Hour
	resyncWindow = 10 * time.Minute
)

// UnknownPhone is a device that asked for files and was not added.
type UnknownPhone struct {
	MAC    string    `json:"mac" yaml:"mac"`
	Family string    `json:"family,omitempty" yaml:"family,omitempty" doc:"As its MAC and its requests tell"`
	Model  string    `json:"model,omitempty" yaml:"model,omitempty"`
	Agent  string    `json:"agent,omitempty" yaml:"agent,omitempty"`
	From   string    `json:"from" yaml:"from"`
	File   string    `json:"file" yaml:"file" doc:"The latest it asked for"`
	First  time.Time `json:"first" yaml:"first"`
	Last   time.Time `json:"last" yaml:"last"`
	Count  int       `json:"count" yaml:"count" doc:"How often it asked"`
}

// PhoneTold is how many registrations of a phone were told something.
type PhoneTold struct {
	MAC  string `json:"mac" yaml:"mac"`
	Told int    `json:"told" yaml:"told" doc:"Registrations that took it; 0: the phone is not registered, and fetches when it boots"`
}

func (n *nouns) registerInbox(set *op.Set) {
	read, write := access.Read("phones"), access.Write("phones")
	op.Read(set, op.Op{Path: "/phone-inbox", ID: "list-unknown-phones", Short: "List devices that asked for files and were not added, the latest first",
		Scope: read, Needs: n.running}, n.inbox)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/adopt", ID: "adopt-phone", Short: "Add a device of the inbox",
		Scope: write, Status: http.StatusCreated, Event: "phone.added", Needs: n.running}, n.adopt)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/resync", ID: "resync-phone", Short: "Have a phone fetch its files again",
		Long: "Its window opens for ten minutes.", Scope: write, Event: "phone.resynced", Needs: n.running}, n.resync)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/reboot", ID: "reboot-phone", Short: "Have a phone restart",
		Long: "Its window opens for ten minutes.", Scope: write, Event: "phone.rebooted", Needs: n.running}, n.reboot)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/login", ID: "login-phone", Short: "Log a user in at a phone (hotdesking)",
		Long:  "The user's line takes the place of the phone's own and leaves the phone where the user was logged in before. A call in progress goes on.",
		Scope: write, Event: "phone.changed", Needs: n.running}, n.login)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/phones/{mac}/logout", ID: "logout-phone", Short: "Give a phone its own lines back",
		Scope: write, Event: "phone.changed", Needs: n.running}, n.logout)
}

func (n *nouns) inbox(_ context.Context, in *struct{ op.Paging }) (op.Page[UnknownPhone], error) {
	list := []UnknownPhone{}
	for _, u := range n.Inventory.Inbox() {
		list = append(list, UnknownPhone{MAC: u.MAC.Colons(), Family: u.Family, Model: u.Model, Agent: u.Agent, From: u.From, File: u.File, First: u.First, Last: u.Last, Count: u.Count})
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) adopt(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body PhoneChange
}) (Phone, error) {
	mac, err := in.mac()
	if err != nil {
		return Phone{}, err
	}
	model := ""
	found := false
	for _, u := range n.Inventory.Inbox() {
		if u.MAC == mac {
			model, found = u.Model, true
		}
	}
	if !found {
		return Phone{}, problem.Unknown("phone_unknown", fmt.Sprintf("%s is not in the inbox", mac.Colons()), "see phones list --inbox, or add it with phones add")
	}
	p, err := n.fresh(&NewPhone{MAC: in.MAC, PhoneChange: in.Body})
	if err != nil {
		return Phone{}, err
	}
	if p.Model == "" && !strings.ContainsFunc(model, func(r rune) bool { return r < ' ' }) {
		p.Model = model
	}
	return n.insert(ctx, do, p)
}

func (n *nouns) resync(ctx context.Context, do *op.Doing, in *Path) (PhoneTold, error) {
	return n.tell(ctx, do, in, notify.Resync)
}

func (n *nouns) reboot(ctx context.Context, do *op.Doing, in *Path) (PhoneTold, error) {
	return n.tell(ctx, do, in, notify.Reboot)
}

func (n *nouns) tell(ctx context.Context, do *op.Doing, in *Path, what notify.What) (PhoneTold, error) {
	mac, err := in.mac()
	if err != nil {
		return PhoneTold{}, err
	}
	send, err := n.Prepare(mac, what)
	if err != nil {
		return PhoneTold{}, err
	}
	if err := do.Begin(ctx, op.Resource("phones", string(mac)), nil); err != nil {
		return PhoneTold{}, err
	}
	if err := n.Inventory.Open(ctx, mac, resyncWindow); err != nil {
		return PhoneTold{}, err
	}
	told, err := send(ctx)
	return PhoneTold{mac.Colons(), told}, err
}

// PhoneLogin says who logs in.
type PhoneLogin struct {
	User string `json:"user" example:"alice"`
}

func (n *nouns) login(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body PhoneLogin
}) (Phone, error) {
	aor, err := n.user(in.Body.User)
	if err != nil {
		return Phone{}, err
	}
	mac, err := n.begin(ctx, do, &in.Path)
	if err != nil {
		return Phone{}, err
	}
	again := n.fetchAgain(append(n.Inventory.GuestAt(aor), mac)...)
	if err = n.Inventory.Login(ctx, mac, aor); err == nil {
		err = again(ctx)
	}
	return n.after(ctx, do, &in.Path, err)
}

func (n *nouns) logout(ctx context.Context, do *op.Doing, in *Path) (Phone, error) {
	mac, err := n.begin(ctx, do, in)
	if err != nil {
		return Phone{}, err
	}
	again := n.fetchAgain(mac)
	if err = n.Inventory.Logout(ctx, mac); err == nil {
		err = again(ctx)
	}
	return n.after(ctx, do, in, err)
}

func (n *nouns) after(ctx context.Context, do *op.Doing, in *Path, err error) (Phone, error) {
	if err != nil {
		return Phone{}, err
	}
	out, err := n.show(ctx, in)
	do.After = out
	return out, err
}

// fetchAgain finds how phones are reached; what it returns has them fetch their
// files. One that cannot be told, since it is not registered or knows no notice,
// fetches them when it boots: that is no failure of the change.
func (n *nouns) fetchAgain(macs ...sipphone.MAC) func(context.Context) error {
	var sends []func(context.Context) (int, error)
	for _, mac := range macs {
		if n.Prepare == nil {
			break // no server runs
		}
		if send, err := n.Prepare(mac, notify.Resync); err == nil {
			sends = append(sends, send)
		}
	}
	return func(ctx context.Context) error {
		for _, mac := range macs {
			if err := n.Inventory.Open(ctx, mac, resyncWindow); err != nil {
				return err
			}
		}
		for _, send := range sends {
			_, _ = send(ctx)
		}
		return nil
	}
}
