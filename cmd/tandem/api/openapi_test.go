package api

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const document = "../../../docs/openapi.yaml"

// TestOpenAPI keeps docs/openapi.yaml what the operations are.
func TestOpenAPI(t *testing.T) {
	want, err := New(Rooms{}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(document, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.yaml is not what the operations are; run: go test ./cmd/tandem/api -run TestOpenAPI -update")
	}
}

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// TestOperations: what each operation must have, so that a client can be made
// from the description alone.
func TestOperations(t *testing.T) {
	text, err := New(Rooms{}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	type operation struct {
		OperationID string                `yaml:"operationId"`
		Summary     string                `yaml:"summary"`
		Security    []map[string][]string `yaml:"security"`
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	var doc struct {
		Paths map[string]map[string]operation
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths) < 10 {
		t.Fatalf("only %d paths", len(doc.Paths))
	}
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			name := method + " " + path
			if !strings.HasPrefix(path, "/api/v1/") {
				t.Errorf("%s: stands outside of /api/v1", name)
			}
			if o.OperationID == "" || ids[o.OperationID] {
				t.Errorf("%s: operationId %q is empty or taken", name, o.OperationID)
			}
			ids[o.OperationID] = true
			if o.Summary == "" || strings.HasSuffix(o.Summary, ".") {
				t.Errorf("%s: summary %q: want one phrase without a full stop", name, o.Summary)
			}
			if len(o.Security) != 1 || len(o.Security[0]["token"]) != 1 || o.Security[0]["token"][0] == "" {
				t.Errorf("%s: security %v: want one scope", name, o.Security)
			}
			if ref := o.Responses["default"].Content["application/problem+json"].Schema["$ref"]; ref != "#/components/schemas/Problem" {
				t.Errorf("%s: failures are %v, want Problem", name, ref)
			}
			declared := map[string]bool{}
			for _, p := range o.Parameters {
				declared[p.In+" "+p.Name] = true
			}
			for _, p := range parameter.FindAllStringSubmatch(path, -1) {
				if !declared["path "+p[1]] {
					t.Errorf("%s: {%s} is not in the input (a field, or an embedded struct, that is not exported?)", name, p[1])
				}
			}
			if want := method == "get" && o.Responses["200"].Content["application/json"].Schema != nil; want != declared["header If-None-Match"] {
				t.Errorf("%s: If-None-Match %t", name, !want)
			}
		}
	}
}
