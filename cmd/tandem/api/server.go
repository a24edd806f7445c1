package api

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
)

// Status tells what a server is and does.
type Status struct {
	Version    string    `json:"version" yaml:"version"`
	PID        int       `json:"pid" yaml:"pid"`
	Started    time.Time `json:"started" yaml:"started"`
	Listen     []string  `json:"listen" yaml:"listen" doc:"Transport and address of each SIP listener"`
	Domains    []string  `json:"domains" yaml:"domains"`
	Users      int       `json:"users" yaml:"users"`
	Bindings   int       `json:"bindings" yaml:"bindings"`
	Connected  int       `json:"connections" yaml:"connections" doc:"SIP stream connections"`
	StoreError string    `json:"store_error,omitempty" yaml:"store_error,omitempty" doc:"Why the last write to disk failed"`
	Restart    string    `json:"restart,omitempty" yaml:"restart,omitempty" doc:"Configuration key whose change waits for a restart"`
}

func (a *API) registerServer() {
	op.Read(a.set, op.Op{Path: "/server", ID: "show-server", Short: "Show what the server is and does",
		Scope: access.Read("server"), Needs: a.running}, a.status)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/server/reload", ID: "reload-server",
		Short: "Read the configuration and certificates again", Long: "A file with a mistake changes nothing.",
		Scope: access.Write("server"), Event: "server.reloaded", Needs: a.running}, a.reload)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/server/snapshot", ID: "snapshot-server",
		Short: "Copy the database, as it is now, to a file in the data folder", Long: "The command tandem backup packs it together with the key and the certificates.",
		Scope: access.Write("server"), Event: "server.snapshot", Needs: a.running}, a.snapshot)
}

// Snapshot is a copy of the database on the server's disk.
type Snapshot struct {
	Path   string `json:"path" doc:"On the server; whoever asked for it removes it"`
	Octets int64  `json:"octets"`
}

func (a *API) snapshot(ctx context.Context, do *op.Doing, _ *struct{}) (Snapshot, error) {
	if err := do.Begin(ctx, "server", nil); err != nil {
		return Snapshot{}, err
	}
	path, octets, err := a.Snapshot(ctx)
	return Snapshot{path, octets}, err
}

func (a *API) status(context.Context, *struct{}) (Status, error) { return a.Status(), nil }

func (a *API) reload(ctx context.Context, do *op.Doing, _ *struct{}) (Status, error) {
	if err := do.Begin(ctx, "server", nil); err != nil {
		return Status{}, err
	}
	if err := a.Reload(); err != nil {
		return Status{}, problem.New(http.StatusUnprocessableEntity, "configuration_invalid", err.Error()).Because(err)
	}
	return a.Status(), nil
}
