// Package api is the control interface of a running server: JSON over HTTP on
// a socket in the data folder that only the server's user may open. The
// command line is its client.
//
// It decides nothing: each call is one call of the directory, the location,
// the gate or the trace.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tandem/rtc"
	"tandem/rtc/auth"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/proxy"
	"tandem/rtc/trace"
)

// Core is what the calls act on. With no server running only Directory is set,
// and what needs the rest answers 503.
type Core struct {
	Directory *directory.Directory
	Location  *location.Location
	Gate      *auth.Gate
	Routes    func() []proxy.Route
	Trace     *trace.Ring
	Status    func() Status
	Reload    func() error
	Log       *slog.Logger
}

// Status tells what a server is and does.
type Status struct {
	Version    string    `json:"version" yaml:"version"`
	PID        int       `json:"pid" yaml:"pid"`
	Started    time.Time `json:"started" yaml:"started"`
	Listen     []string  `json:"listen" yaml:"listen"`
	Domains    []string  `json:"domains" yaml:"domains"`
	Users      int       `json:"users" yaml:"users"`
	Bindings   int       `json:"bindings" yaml:"bindings"`
	Connected  int       `json:"connections" yaml:"connections"`
	StoreError string    `json:"store_error,omitempty" yaml:"store_error,omitempty"`
	Restart    string    `json:"restart,omitempty" yaml:"restart,omitempty"` // key whose change waits for one
}

// Problem is the body of an answer that is not a success.
type Problem struct {
	Error string `json:"error"`
}

// Handler serves the calls.
func (c *Core) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/users", c.listUsers)
	mux.HandleFunc("POST /v1/users", c.addUser)
	mux.HandleFunc("POST /v1/users/import", c.importUsers)
	mux.HandleFunc("PATCH /v1/users/{user}", c.changeUser)
	mux.HandleFunc("DELETE /v1/users/{user}", c.deleteUser)
	mux.HandleFunc("GET /v1/users/{user}/devices", c.listDevices)
	mux.HandleFunc("POST /v1/users/{user}/devices", c.addDevice)
	mux.HandleFunc("DELETE /v1/users/{user}/devices/{device}", c.revokeDevice)
	mux.HandleFunc("GET /v1/registrations", c.running(c.listRegistrations))
	mux.HandleFunc("DELETE /v1/registrations/{user}", c.running(c.removeRegistrations))
	mux.HandleFunc("GET /v1/routes", c.running(c.listRoutes))
	mux.HandleFunc("GET /v1/bans", c.running(c.listBans))
	mux.HandleFunc("DELETE /v1/bans/{addr}", c.running(c.liftBan))
	mux.HandleFunc("GET /v1/trace", c.running(c.follow))
	mux.HandleFunc("GET /v1/status", c.running(c.status))
	mux.HandleFunc("POST /v1/reload", c.running(c.reload))
	return mux
}

var errNotRunning = errors.New("no server is running on this data folder; start it with: tandem serve")

func (c *Core) running(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c.Status == nil {
			fail(w, errNotRunning)
			return
		}
		h(w, r)
	}
}

func (c *Core) status(w http.ResponseWriter, _ *http.Request) { reply(w, c.Status()) }

func (c *Core) reload(w http.ResponseWriter, _ *http.Request) {
	if err := c.Reload(); err != nil {
		fail(w, err)
		return
	}
	reply(w, c.Status())
}

func (c *Core) listRoutes(w http.ResponseWriter, _ *http.Request) { reply(w, c.Routes()) }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client has gone
	}
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusBadRequest
	switch {
	case errors.Is(err, directory.ErrUnknownUser), errors.Is(err, directory.ErrUnknownDevice), errors.Is(err, directory.ErrUnknownAlias):
		code = http.StatusNotFound
	case errors.Is(err, directory.ErrExists):
		code = http.StatusConflict
	case errors.Is(err, errNotRunning):
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(Problem{err.Error()})
}

// decode reads a JSON body of at most 1 MiB.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		fail(w, err)
		return false
	}
	return true
}

// user reads the {user} of a path.
func (c *Core) user(w http.ResponseWriter, r *http.Request) (rtc.AOR, bool) {
	aor, err := c.Directory.ParseAOR(r.PathValue("user"))
	if err != nil {
		fail(w, err)
	}
	return aor, err == nil
}
