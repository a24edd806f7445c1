package phones

import (
	"context"
	"net/http"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
)

// PhonePIN is what a user dials to log in at any phone.
type PhonePIN struct {
	PIN string `json:"pin" yaml:"pin" doc:"A secret: only in the answer that made it"`
}

func (n *nouns) registerPINs(set *op.Set) {
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/users/{user}/phone-pin", ID: "add-phone-pin", Short: "Give a user a PIN to log in at phones",
		Long: "He dials *11*USER*PIN# at any desk phone, and #11# to log out. The one of before does not count any more.", Scope: access.Write("phones"),
		Status: http.StatusCreated, Event: "phone.pin_given", Needs: n.running}, n.givePIN)
}

func (n *nouns) givePIN(ctx context.Context, do *op.Doing, in *WaitingPath) (PhonePIN, error) {
	aor, err := n.known(in.User)
	if err != nil {
		return PhonePIN{}, err
	}
	if err := do.Begin(ctx, op.Resource("users", string(aor), "phone-pin"), nil); err != nil {
		return PhonePIN{}, err
	}
	pin, err := n.Hotdesk.Give(ctx, aor)
	return PhonePIN{pin}, err
}
