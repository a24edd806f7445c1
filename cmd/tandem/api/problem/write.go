package problem

import (
	"encoding/json"
	"maps"
	"net/http"
)

// Write sends a problem outside of an operation.
func Write(w http.ResponseWriter, p *Problem) {
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}

// NotFound answers paths that do not exist.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Write(w, New(http.StatusNotFound, "path_unknown", "there is no "+r.URL.Path).Fix("the paths are in /api/v1/openapi.yaml"))
}

// MethodNotAllowed answers methods that a path does not have.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	Write(w, New(http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" has no method "+r.Method).Fix("the methods are in /api/v1/openapi.yaml"))
}
