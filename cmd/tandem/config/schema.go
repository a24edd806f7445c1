package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"tandem/rtc/proxy"
)

// Schema is the JSON Schema of the configuration.
func Schema() ([]byte, error) {
	keys, err := described()
	if err != nil {
		return nil, err
	}
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: spelled}
	s := r.Reflect(&Config{})
	describe(s, s.Definitions, keys)
	return json.MarshalIndent(s, "", "  ")
}

// describe puts into the schema of a section what its keys mean.
func describe(s *jsonschema.Schema, all jsonschema.Definitions, keys []key) {
	for _, k := range keys {
		property, _ := s.Properties.Get(k.name)
		property.Description = unmarked(k.means)
		if k.keys == nil {
			continue
		}
		section := property
		if k.list() {
			section = property.Items
		}
		describe(all[strings.TrimPrefix(section.Ref, "#/$defs/")], all, k.keys)
	}
}

// spelled is the schema of what a file spells differently from what it is here:
// durations are "5m", and a single next hop needs no list.
func spelled(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"30s", "1h30m"}}
	case reflect.TypeFor[proxy.Hops]():
		uri := &jsonschema.Schema{Type: "string", Description: "SIP URI of the next hop, such as sip:192.0.2.10:5060;transport=tcp"}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{uri, {Type: "array", Items: uri}}}
	}
	return nil
}
