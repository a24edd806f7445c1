package device

import (
	"context"
	"strings"

	"tandem/interop/wire"
)

// Ask sends a request outside calls, with further header lines and a body of a type,
// in the device's words, and returns its final response.
func (v *Device) Ask(ctx context.Context, method, uri, lines, mediaType string, body ...string) (*wire.Message, error) {
	m := message{"method": method, "ruri": uri, "callid": v.fresh(v.dialect.CallID), "contact": "Contact: " + v.contact(),
		"from": tagged(v.own(), v.fresh(v.dialect.Tag)), "to": "<" + uri + ">", "expires": strings.TrimSuffix(lines, "\r\n"), "body": strings.Join(body, "")}
	if mediaType != "" {
		m["content"] = "Content-Type: " + mediaType
	}
	return v.request(ctx, m, v.dialect.Request)
}
