package config

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"tandem/rtc/proxy"
)

// Schema is the JSON Schema of the configuration.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: written}
	return json.MarshalIndent(r.Reflect(&Config{}), "", "  ")
}

// written is the schema of what a file spells differently from what it is here:
// durations are "5m", and a single next hop needs no list.
func written(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"30s", "1h30m"}}
	case reflect.TypeFor[proxy.Hops]():
		uri := &jsonschema.Schema{Type: "string", Description: "SIP URI of the next hop, such as sip:192.0.2.10:5060;transport=tcp"}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{uri, {Type: "array", Items: uri}}}
	}
	return nil
}
