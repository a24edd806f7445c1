package phones

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/sipphone/invite"
)

// SoftphoneLink sets a softphone up, once.
type SoftphoneLink struct {
	Link  string    `json:"link" yaml:"link" doc:"Of the settings; who opens it first gets a new device of the user. It is a secret: only in the answer that made it"`
	Until time.Time `json:"until" yaml:"until"`
	QR    string    `json:"qr" yaml:"qr" doc:"The link as a QR code of half blocks"`
}

func (n *nouns) registerSoftphones(set *op.Set) {
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/users/{user}/softphone", ID: "add-softphone-link", Short: "Make a link that sets a softphone up",
		Long: "Good for a day and for one use, in the form of Linphone's remote provisioning.", Scope: access.Write("phones"), Status: http.StatusCreated,
		Event: "softphone.invited", Needs: n.running}, n.softphone)
}

func (n *nouns) softphone(ctx context.Context, do *op.Doing, in *WaitingPath) (SoftphoneLink, error) {
	aor, err := n.known(in.User)
	if err != nil {
		return SoftphoneLink{}, err
	}
	if err := do.Begin(ctx, op.Resource("users", string(aor), "softphone"), nil); err != nil {
		return SoftphoneLink{}, err
	}
	path, until, err := n.Links.Make(aor)
	if err != nil {
		return SoftphoneLink{}, err
	}
	out := SoftphoneLink{Link: n.FilesURL() + path, Until: until}
	out.QR, err = invite.QR(out.Link)
	return out, err
}
