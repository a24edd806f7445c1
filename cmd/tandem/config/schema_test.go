package config

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSchemaTakesWhatFilesHold: an editor that knows the schema must not mark
// durations and single next hops as wrong, and shows whole sentences.
func TestSchemaTakesWhatFilesHold(t *testing.T) {
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Type        string
				Description string
				OneOf       []any
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if typ := s.Defs["Limits"].Properties["drain"].Type; typ != "string" {
		t.Errorf("limits.drain is a %s, but files hold 30s", typ)
	}
	if n := len(s.Defs["Route"].Properties["next_hop"].OneOf); n != 2 {
		t.Errorf("next_hop has %d spellings, want one URI and a list", n)
	}
	if d := s.Defs["HTTP"].Properties["addr"].Description; !strings.HasSuffix(d, "Empty: off") {
		t.Errorf("the description is cut: %q", d)
	}
}
