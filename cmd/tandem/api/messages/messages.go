// Package messages is the operations on instant messages: to send one, to see
// what waits for a user, and to decide about strangers whose messages are held.
// It decides nothing: each operation is a call of rtc/im.
package messages

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/im"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
)

// Rooms are what the operations act on.
type Rooms struct {
	Messages  *im.IM
	Directory *directory.Directory
	Consent   *consent.Book
	Running   func() error // nil while a server runs
}

type nouns struct {
	Rooms
}

// NewMessage is a message to be sent.
type NewMessage struct {
	From string `json:"from" example:"alice" doc:"The user who writes"`
	To   string `json:"to" example:"bob" doc:"A user of this server"`
	Type string `json:"type,omitempty" doc:"Media type of the text; absent: text/plain;charset=UTF-8"`
	Text string `json:"text" minLength:"1"`

	Device string `json:"device,omitempty" maxLength:"64" doc:"Of the program it was written with; all other devices of the user get a copy"`
}

// SentMessage is what became of a message.
type SentMessage struct {
	From   string `json:"from" yaml:"from"`
	To     string `json:"to" yaml:"to"`
	Status string `json:"status" yaml:"status" enum:"delivered,kept" doc:"delivered: a device has it; kept: it is on disk and delivered later"`
}

// WaitingMessage is a message that waits for a user.
type WaitingMessage struct {
	ID      string    `json:"id" yaml:"id"`
	From    string    `json:"from" yaml:"from"`
	Arrived time.Time `json:"arrived" yaml:"arrived"`
	Expires time.Time `json:"expires" yaml:"expires" doc:"It is not delivered afterwards"`
	Octets  int       `json:"octets" yaml:"octets"`
	Devices []string  `json:"devices" yaml:"devices" nullable:"false" doc:"Those that are still to get it; * is the one that registers first"`
	Held    bool      `json:"held,omitempty" yaml:"held,omitempty" doc:"It waits for the user's consent about the sender"`
}

// ShownMessage is a message with its text.
type ShownMessage struct {
	WaitingMessage
	Type string `json:"type" yaml:"type" doc:"Media type"`
	Text string `json:"text" yaml:"text" doc:"Empty when it is not UTF-8"`
	Data []byte `json:"data,omitempty" yaml:"data,omitempty" doc:"What is not UTF-8, in Base64: read it as Type says"`
}

// Stranger is somebody whose messages are held.
type Stranger struct {
	Address  string    `json:"address" yaml:"address"`
	Messages int       `json:"messages" yaml:"messages"`
	Since    time.Time `json:"since" yaml:"since"`
}

// StrangerDecision is what a user wants of a stranger.
type StrangerDecision struct {
	Decision string `json:"decision" enum:"accept,refuse,block" doc:"accept: deliver these and later ones; refuse: forget these; block: forget these and later ones"`
}

// DecidedStranger is what became of a decision.
type DecidedStranger struct {
	Address  string `json:"address" yaml:"address"`
	Decision string `json:"decision" yaml:"decision"`
	Messages int    `json:"messages" yaml:"messages" doc:"That were delivered or forgotten"`
}

// MessagePath names a message.
type MessagePath struct {
	op.UserPath
	ID int64 `path:"id" doc:"Of the list"`
}

// DevicePath names a program that gets a user's messages as a device does.
type DevicePath struct {
	op.UserPath
	Device string `path:"device" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$" doc:"A name of its own choice"`
}

// MessageDevice is a program that gets a user's messages.
type MessageDevice struct {
	Device string `json:"device" yaml:"device"`
}

// SenderPath names a sender.
type SenderPath struct {
	op.UserPath
	Sender string `path:"sender" doc:"Address"`
}

// Register adds the operations to set.
func Register(set *op.Set, r Rooms) {
	n := &nouns{r}
	read, write := access.Read("messages"), access.Write("messages")
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/messages", ID: "send-message", Short: "Send a message to a user",
		Long: "The same rules and limits hold as for a message by SIP. That somebody is typing is sent as application/im-iscomposing+xml.", Scope: write, Own: true, Needs: r.Running}, n.send)
	op.Read(set, op.Op{Path: "/users/{user}/messages", ID: "list-messages", Short: "List the messages that wait for a user", Scope: read, Needs: r.Running}, n.list)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/users/{user}/message-devices/{device}", ID: "put-message-device", Short: "Have messages wait for a program as for a device of the user",
		Long:  "From then on every message waits for it until it has fetched it, also one that a phone has taken, and what the user writes elsewhere. A program that has not asked for a week is forgotten.",
		Scope: write, Needs: r.Running}, n.putDevice)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/users/{user}/message-devices/{device}", ID: "remove-message-device", Short: "Have no more messages wait for a program",
		Scope: write, Needs: r.Running}, n.removeDevice)
	op.Read(set, op.Op{Path: "/users/{user}/messages/{id}", ID: "show-message", Short: "Show a message that waits, with its text", Scope: read, Needs: r.Running}, n.show)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/users/{user}/messages/{id}", ID: "delete-message", Short: "Forget a message that waits",
		Scope: write, Needs: r.Running, Event: "message.deleted"}, n.remove)
	op.Read(set, op.Op{Path: "/users/{user}/strangers", ID: "list-strangers", Short: "List the senders whose messages are held for a user's consent", Scope: read, Needs: r.Running}, n.strangers)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/users/{user}/strangers/{sender}", ID: "decide-stranger", Short: "Decide about a sender whose messages are held",
		Scope: write, Needs: r.Running, Event: "stranger.decided"}, n.decide)
}

func (n *nouns) send(ctx context.Context, do *op.Doing, in *struct{ Body NewMessage }) (SentMessage, error) {
	from, err := n.enabled(in.Body.From)
	if err != nil {
		return SentMessage{}, err
	}
	to, err := n.enabled(in.Body.To)
	if err != nil {
		return SentMessage{}, err
	}
	if user := access.Of(ctx).User; user != "" && user != string(from) {
		return SentMessage{}, problem.New(http.StatusForbidden, "not_yours", "the token is limited to "+user).Fix("write as that user")
	}
	if kind, _, err := mime.ParseMediaType(in.Body.Type); in.Body.Type != "" && (err != nil || !strings.Contains(kind, "/")) {
		return SentMessage{}, problem.Invalid("type_invalid", fmt.Sprintf("%q is no media type", in.Body.Type), "write it as text/html; charset=UTF-8")
	}
	if err := do.Begin(ctx, op.Resource("users", string(to), "messages"), nil); err != nil {
		return SentMessage{}, err
	}
	u, _ := n.Directory.User(from)
	code, err := n.Messages.Send(ctx, im.Draft{From: from, To: to, Display: u.DisplayName, Type: in.Body.Type, Body: []byte(in.Body.Text), Device: in.Body.Device})
	if st := (*rtc.Status)(nil); errors.As(err, &st) && st.Code == 404 { // octet by octet as of nobody
		if aor, bad := n.Directory.ParseAOR(in.Body.To); bad == nil {
			err = directory.Unknown(aor)
		}
	}
	if err != nil {
		return SentMessage{}, err
	}
	out := SentMessage{string(from), string(to), "delivered"}
	if code == 202 {
		out.Status = "kept"
	}
	do.After = out // without the text: the record is no archive
	return out, nil
}

// enabled finds a user who may write and be written to: who is shut out is not there.
func (n *nouns) enabled(name string) (rtc.AOR, error) {
	aor, err := n.Directory.Named(name)
	if err != nil {
		return "", err
	}
	if u, ok := n.Directory.User(aor); !ok || !u.Enabled {
		return "", directory.Unknown(aor)
	}
	return aor, nil
}

func waiting(k im.Kept) WaitingMessage {
	w := WaitingMessage{ID: strconv.FormatInt(k.ID, 10), From: string(k.From), Arrived: k.Arrived, Expires: k.Expires, Octets: k.Octets, Devices: k.Waiting, Held: k.Held}
	if w.Devices == nil {
		w.Devices = []string{}
	}
	return w
}

func (n *nouns) list(_ context.Context, in *struct {
	op.UserPath
	op.Paging
	Device string `query:"device" maxLength:"64" doc:"Only those that wait for this program"`
}) (op.Page[WaitingMessage], error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return op.Page[WaitingMessage]{}, err
	}
	queue := n.Messages.Queue(user)
	if in.Device != "" {
		queue = n.Messages.QueueFor(user, in.Device)
	}
	return op.Paginate(in.Paging, func(m WaitingMessage) string { return m.ID }, func(after string) iter.Seq[WaitingMessage] {
		last, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			last = -1
		}
		return func(yield func(WaitingMessage) bool) { // one that was fetched and is gone moves none of the others
			for _, k := range queue {
				if k.ID > last && !yield(waiting(k)) {
					return
				}
			}
		}
	})
}

func (n *nouns) show(ctx context.Context, in *MessagePath) (ShownMessage, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return ShownMessage{}, err
	}
	m, err := n.Messages.Show(ctx, user, in.ID)
	if err != nil {
		return ShownMessage{}, err
	}
	out := ShownMessage{WaitingMessage: waiting(im.Kept{ID: m.ID, From: m.From, Arrived: m.Arrived, Expires: m.Expires, Octets: m.Octets(), Waiting: m.Waiting, Held: m.Held})}
	kind, body, err := m.Content()
	if out.Type = kind; err == nil && utf8.Valid(body) {
		out.Text = string(body)
	} else if err == nil {
		out.Data = body
	}
	return out, err
}

func (n *nouns) putDevice(ctx context.Context, do *op.Doing, in *DevicePath) (MessageDevice, error) {
	return n.device(ctx, do, in, n.Messages.Attach)
}

func (n *nouns) removeDevice(ctx context.Context, do *op.Doing, in *DevicePath) (MessageDevice, error) {
	return n.device(ctx, do, in, n.Messages.Detach)
}

func (n *nouns) device(ctx context.Context, do *op.Doing, in *DevicePath, change func(user rtc.AOR, device string)) (MessageDevice, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return MessageDevice{}, err
	}
	out := MessageDevice{in.Device}
	if err := do.Begin(ctx, op.Resource("users", string(user), "message-devices", in.Device), nil); err != nil {
		return out, err
	}
	change(user, in.Device)
	do.After = out
	return out, nil
}

func (n *nouns) remove(ctx context.Context, do *op.Doing, in *struct {
	MessagePath
	Device string `query:"device" maxLength:"64" doc:"This program has it: it goes on waiting for others. Absent: it waits for nobody any more"`
}) (WaitingMessage, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return WaitingMessage{}, err
	}
	err = do.Begin(ctx, op.Resource("users", string(user), "messages", strconv.FormatInt(in.ID, 10)), func() (any, error) {
		s, err := n.show(ctx, &in.MessagePath)
		return s.WaitingMessage, err
	})
	if err != nil {
		return WaitingMessage{}, err
	}
	if in.Device != "" {
		do.Event = "" // it is delivered, which is told, and not deleted
		return do.Before.(WaitingMessage), n.Messages.Take(user, in.ID, in.Device)
	}
	return do.Before.(WaitingMessage), n.Messages.Delete(ctx, user, in.ID)
}

func (n *nouns) strangers(_ context.Context, in *struct {
	op.UserPath
	op.Paging
}) (op.Page[Stranger], error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return op.Page[Stranger]{}, err
	}
	list := n.Messages.Strangers(user)
	return op.Paginate(in.Paging, func(s Stranger) string { return s.Address }, func(after string) iter.Seq[Stranger] {
		return func(yield func(Stranger) bool) {
			for _, s := range list {
				if string(s.AOR) > after && !yield(Stranger{string(s.AOR), s.Messages, s.Since}) {
					return
				}
			}
		}
	})
}

// sender is the address of who has written, also of one of another domain.
func (n *nouns) sender(text string) (rtc.AOR, error) {
	if aor, err := n.Directory.ParseAlias(text, n.Directory.DefaultDomain()); err == nil {
		return aor, nil
	}
	if !strings.Contains(text, ":") {
		text = "sip:" + text
	}
	u, err := sip.ParseURI([]byte(text))
	if err != nil || u.Kind == sip.URIOther || len(u.User) == 0 {
		return "", problem.Invalid("address_invalid", fmt.Sprintf("%q is no address of a sender", text), "name it as the list of strangers does")
	}
	return rtc.AOR(u.AppendAOR(nil)), nil
}

func (n *nouns) decide(ctx context.Context, do *op.Doing, in *struct {
	SenderPath
	Body StrangerDecision
}) (DecidedStranger, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return DecidedStranger{}, err
	}
	sender, err := n.sender(in.Sender)
	if err != nil {
		return DecidedStranger{}, err
	}
	out := DecidedStranger{Address: in.Sender, Decision: in.Body.Decision}
	if err := do.Begin(ctx, op.Resource("users", string(user), "strangers", in.Sender), nil); err != nil {
		return DecidedStranger{}, err
	}
	rule := consent.Rule{Kind: consent.User, Name: string(sender)}
	switch in.Body.Decision {
	case "accept":
		rule.Action = consent.Allow
	case "block":
		rule.Action = consent.Block
	case "refuse":
	default:
		return DecidedStranger{}, problem.New(http.StatusUnprocessableEntity, "invalid", "the decision is accept, refuse or block")
	}
	if rule.Action != "" {
		if err := n.Consent.Set(ctx, user, rule); err != nil {
			return DecidedStranger{}, err
		}
	}
	name := n.Consent.Name(user, sender)
	for _, s := range n.Messages.Strangers(user) { // one sender may write by several addresses
		if n.Consent.Name(user, s.AOR) == name {
			out.Messages += n.Messages.Decide(user, s.AOR, rule.Action == consent.Allow)
		}
	}
	do.After = out
	return out, nil
}
