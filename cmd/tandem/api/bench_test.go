package api

import (
	"fmt"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/access"
)

// BenchmarkChange is one change through operation, audit and events, on stores in
// memory: what the API itself costs.
func BenchmarkChange(b *testing.B) {
	a := inMemory(b, nil)
	call(a, "POST", "/users", `{"address":"alice"}`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if w := call(a, "PATCH", "/users/alice", fmt.Sprintf(`{"display":"Alice %d"}`, i)); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkPageOfUsers is one page of 100 of 10,000 users.
func BenchmarkPageOfUsers(b *testing.B) {
	a := inMemory(b, nil)
	var csv strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&csv, "user%05d,,a-password\n", i)
	}
	if w := call(a, "POST", "/users/import", csv.String()); w.Code != 200 {
		b.Fatal(w.Body)
	}
	b.ReportAllocs()
	for b.Loop() {
		if w := call(a, "GET", "/users", ""); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkTell is an event that nobody reads: what a call pays for each.
func BenchmarkTell(b *testing.B) {
	a := inMemory(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		a.Tell("call.started", "call-records/1", access.Read("calls"), func() any { return Call{} })
	}
}
