// Package callcontrol is the operations on a call that goes on: transfer, park,
// recording, conference, mute and kick.
package callcontrol

import (
	"cmp"
	"context"
	"net/http"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/telephony"
)

// Rooms are what the operations act on.
type Rooms struct {
	Exchange *telephony.Exchange
	Running  func() error // nil while a server runs
}

type nouns struct{ Rooms }

// Path names a call in a path.
type Path struct {
	ID string `path:"id" doc:"See list-calls"`
}

// Transfer says whom a call is transferred to.
type Transfer struct {
	By string `json:"by,omitempty" enum:"caller,callee" doc:"The party that is replaced, and whose rights count: by default who has left a call that is parked or in a conference, else the callee"`
	To string `json:"to" minLength:"1" doc:"User, group, extension or number, as that party dials it, a conference (*6ROOM) or a parking slot (*57, or *5 for any)"`
}

// Park says who leaves a call, and where the other party waits.
type Park struct {
	By   string `json:"by,omitempty" enum:"caller,callee" default:"callee" doc:"The party that leaves"`
	Slot int    `json:"slot,omitempty" minimum:"0" maximum:"999" doc:"0: any that is free"`
}

// Parked is where a party waits.
type Parked struct {
	Slot int `json:"slot" yaml:"slot" doc:"Retrieved by dialling *5 and the slot"`
}

// Recording is a file of the sound of a call.
type Recording struct {
	File string `json:"file" yaml:"file" doc:"In the folder telephony.recordings"`
}

// Conference says in which conference a call goes on.
type Conference struct {
	Room string `json:"room" yaml:"room" pattern:"^[0-9]{1,20}$" doc:"Its number: others join by dialling *6 and it"`
}

// Muting says whether a party of a conference is heard.
type Muting struct {
	Party string `json:"party,omitempty" yaml:"party,omitempty" enum:"caller,callee" default:"caller" doc:"Of the two of a call that was made a conference"`
	Muted bool   `json:"muted" yaml:"muted"`
}

// Done says which call something was done to.
type Done struct {
	ID string `json:"id" yaml:"id"`
}

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	write := access.Write("calls")
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/calls/{id}/transfer", ID: "transfer-call", Short: "Transfer a call",
		Long: "As a phone would: the other party hears ringback until the target answers, or the conference it is in.", Scope: write, Needs: rooms.Running}, n.transfer)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/calls/{id}/park", ID: "park-call", Short: "Park a call", Scope: write, Needs: rooms.Running}, n.park)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/calls/{id}/recording", ID: "record-call", Short: "Begin to record a call",
		Scope: access.Write("recordings"), Needs: rooms.Running}, n.record)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/calls/{id}/recording", ID: "stop-recording-call", Short: "End the recording of a call",
		Scope: access.Write("recordings"), Needs: rooms.Running}, n.stop)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/calls/{id}/mute", ID: "mute-call", Short: "Mute a party in a conference, or have it heard again",
		Long: "To have somebody leave it: kick-party.", Scope: write, Needs: rooms.Running}, n.mute)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/calls/{id}/conference", ID: "confer-call", Short: "Make a conference of a call",
		Long: "Both parties stay where they are; others join by dialling *6 and the number. Each may leave by itself.", Scope: write, Needs: rooms.Running}, n.conference)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/calls/{id}/parties/{party}", ID: "kick-party", Short: "Have a party leave a conference",
		Long: "A call of two ends by it.", Scope: write, Needs: rooms.Running}, n.kick)
}

// Seat names a party of a call in a path.
type Seat struct {
	Path
	Party string `path:"party" enum:"caller,callee"`
}

func (n *nouns) conference(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body Conference
}) (Conference, error) {
	c, err := n.begin(ctx, do, in.ID)
	if err != nil {
		return Conference{}, err
	}
	do.After = in.Body
	return in.Body, c.Confer(ctx, in.Body.Room)
}

func (n *nouns) kick(ctx context.Context, do *op.Doing, in *Seat) (Done, error) {
	c, err := n.begin(ctx, do, in.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{in.ID}, c.Kick(ctx, in.Party, do.Who)
}

// begin finds a call and begins a change of it.
func (n *nouns) begin(ctx context.Context, do *op.Doing, id string) (*telephony.Call, error) {
	c := n.Exchange.Call(id)
	if c == nil {
		return nil, problem.Unknown("call_unknown", "no call "+id+" goes on", "see: tandem calls list")
	}
	return c, do.Begin(ctx, op.Resource("calls", id), func() (any, error) { return Done{id}, nil })
}

func (n *nouns) transfer(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body Transfer
}) (Done, error) {
	c, err := n.begin(ctx, do, in.ID)
	if err != nil {
		return Done{}, err
	}
	do.After = in.Body
	return Done{in.ID}, c.Transfer(ctx, in.Body.By, in.Body.To)
}

func (n *nouns) park(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body Park
}) (Parked, error) {
	c, err := n.begin(ctx, do, in.ID)
	if err != nil {
		return Parked{}, err
	}
	slot, err := c.Park(ctx, in.Body.By, in.Body.Slot)
	do.After = Parked{slot}
	return Parked{slot}, err
}

func (n *nouns) record(ctx context.Context, do *op.Doing, in *Path) (Recording, error) {
	return n.recording(ctx, do, in.ID, true)
}

func (n *nouns) stop(ctx context.Context, do *op.Doing, in *Path) (Recording, error) {
	return n.recording(ctx, do, in.ID, false)
}

func (n *nouns) recording(ctx context.Context, do *op.Doing, id string, on bool) (Recording, error) {
	c, err := n.begin(ctx, do, id)
	if err != nil {
		return Recording{}, err
	}
	file, err := c.Recording(ctx, on, do.Who)
	do.After = Recording{file}
	return Recording{file}, err
}

func (n *nouns) mute(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body Muting
}) (Muting, error) {
	c, err := n.begin(ctx, do, in.ID)
	if err != nil {
		return Muting{}, err
	}
	do.After = in.Body
	return in.Body, c.Mute(ctx, cmp.Or(in.Body.Party, "caller"), in.Body.Muted)
}
