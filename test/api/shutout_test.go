package api

import (
	"strings"
	"testing"

	"tandem/test/harness"
)

// Who is disabled neither writes nor is written to by the API, and his tokens are
// worth nothing until he is enabled again.
func TestShutOutOfMessages(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	socket := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := socket.Do("POST", "/users", `{"address":"`+u+`"}`); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	r := socket.Do("POST", "/tokens", `{"name":"tab","user":"bob","scopes":["contacts:write","messages:write","events:read"]}`)
	bob := harness.HTTPSClient(t, s)
	bob.Token, _ = r.Body["token"].(string)
	documents := strings.TrimSuffix(bob.Base, "/api/v1") + "/xcap-root/resource-lists/users/bob/index"
	writes := func(from, to string) int {
		return socket.Do("POST", "/messages", `{"from":"`+from+`","to":"`+to+`","text":"x"}`).Code
	}
	xcap := func() int {
		api := bob.Base
		defer func() { bob.Base = api }()
		bob.Base = documents
		return bob.Do("GET", "", "").Code
	}
	for _, enabled := range []bool{true, false, true} {
		value, there, in, found := "true", 200, 200, 404
		if !enabled {
			value, there, in, found = "false", 404, 401, 401
		}
		if r := socket.Do("PATCH", "/users/bob", `{"enabled":`+value+`}`); r.Code != 200 {
			t.Fatal(r.Text)
		}
		for what, got := range map[string][2]int{"he writes": {writes("bob", "alice"), there}, "he is written to": {writes("alice", "bob"), there},
			"his token": {bob.Do("GET", "/users/bob/contacts", "").Code, in}, "his token for documents": {xcap(), found}} {
			if got[0] != got[1] {
				t.Errorf("enabled %v: %s: %d, want %d", enabled, what, got[0], got[1])
			}
		}
	}
}
