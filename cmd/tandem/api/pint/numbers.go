package pint

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/pint"
	"tandem/rtc"
)

// PINTNumber is a telephone number that somebody has proved to be theirs.
type PINTNumber struct {
	User   string    `json:"user" yaml:"user"`
	Number string    `json:"number" yaml:"number" doc:"E.164"`
	Since  time.Time `json:"since" yaml:"since"`
	How    string    `json:"how" yaml:"how" doc:"Who has said so: administrator"`
}

// NewPINTNumber enters a number of a user.
type NewPINTNumber struct {
	User   string `json:"user" example:"alice"`
	Number string `json:"number" doc:"With + and country code" example:"+49301234567"`
}

func (n *nouns) registerNumbers(set *op.Set) {
	op.Read(set, op.Op{Path: "/pint/numbers", ID: "list-pint-numbers", Short: "List the numbers at which users may have themselves called, besides those of the directory",
		Scope: access.Read("pint"), Needs: n.Running}, n.listNumbers)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/pint/numbers", ID: "add-pint-number", Short: "Enter a number at which a user may have themselves called",
		Scope: access.Write("pint-numbers"), Event: "pint.number_added", Needs: n.Running}, n.addNumber)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/pint/numbers/{user}/{number}", ID: "remove-pint-number", Short: "Remove a number of a user",
		Scope: access.Write("pint-numbers"), Event: "pint.number_removed", Needs: n.Running}, n.removeNumber)
}

func number(o pint.OwnNumber) PINTNumber { return PINTNumber{string(o.User), o.Number, o.Since, o.How} }

func (n *nouns) listNumbers(_ context.Context, in *struct {
	op.Paging
	User string `query:"user"`
}) (op.Page[PINTNumber], error) {
	var by rtc.AOR
	if in.User != "" {
		var err error
		if by, err = n.ParseAOR(in.User); err != nil {
			return op.Page[PINTNumber]{}, err
		}
	}
	list := []PINTNumber{}
	for _, o := range n.Numbers.Of(by) {
		list = append(list, number(o))
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) addNumber(ctx context.Context, do *op.Doing, in *struct{ Body NewPINTNumber }) (PINTNumber, error) {
	user, err := n.ParseAOR(in.Body.User)
	if err != nil {
		return PINTNumber{}, err
	}
	p, err := n.party("number", in.Body.Number)
	if err == nil && (p.Number == "" || p.Number[0] != '+') {
		err = problem.Invalid("invalid", in.Body.Number+" is not a number in full", "write it with + and the country code: +49301234567")
	}
	if err != nil {
		return PINTNumber{}, err
	}
	if err := do.Begin(ctx, op.Resource("pint", "numbers", string(user), p.Number), nil); err != nil {
		return PINTNumber{}, err
	}
	o, err := n.Numbers.Add(ctx, user, p.Number, "administrator")
	if err != nil {
		return PINTNumber{}, err
	}
	out := number(o)
	do.After = out
	return out, nil
}

func (n *nouns) removeNumber(ctx context.Context, do *op.Doing, in *struct {
	User   string `path:"user"`
	Number string `path:"number"`
}) (PINTNumber, error) {
	user, err := n.ParseAOR(in.User)
	if err != nil {
		return PINTNumber{}, err
	}
	for _, o := range n.Numbers.Of(user) {
		if o.Number != in.Number {
			continue
		}
		before := number(o)
		if err := do.Begin(ctx, op.Resource("pint", "numbers", string(user), o.Number), func() (any, error) { return before, nil }); err != nil {
			return PINTNumber{}, err
		}
		return before, n.Numbers.Remove(ctx, user, o.Number)
	}
	return PINTNumber{}, problem.Unknown("pint_number_unknown", in.Number+" is not registered for "+string(user), "see: tandem pint numbers list")
}
