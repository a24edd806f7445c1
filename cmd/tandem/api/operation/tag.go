package operation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"tandem/cmd/tandem/api/problem"
)

// entityTag is the entity tag of a resource as it is shown (RFC 9110 §8.8.3): the same
// for the same content, another for any other. "" for nil.
func entityTag(v any) string {
	b, err := encoded(v)
	if err != nil {
		return ""
	}
	return tagOf(b)
}

// tagOf is entityTag of what is encoded already.
func tagOf(b []byte) string {
	if string(b) == "null\n" {
		return ""
	}
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// conditions are the headers of conditional requests (RFC 9110 §13.1).
var conditions = map[string]string{
	"If-Match":        "Change only when the entity tag of the resource is still one of these",
	"If-None-Match":   "Answer 304 when the entity tag is one of these",
	"Idempotency-Key": "A name of your choice for this request, such as a UUID: repeated with the same key it is done once, and answered alike for 24 hours",
}

type conditionKey struct{}

// condition is what a request demands of the state of its resource.
type condition struct{ match, noneMatch string }

func conditionOf(ctx context.Context) condition {
	c, _ := ctx.Value(conditionKey{}).(condition)
	return c
}

// unchanged: the client has this very content already.
func (c condition) unchanged(tag string) bool { return tag != "" && has(c.noneMatch, tag, true) }

// check is nil when a change may be made to what has this tag.
func (c condition) check(tag string) error {
	if c.match == "" || has(c.match, tag, false) {
		return nil
	}
	return problem.New(http.StatusPreconditionFailed, "changed_meanwhile", "the resource has changed since the version in If-Match: it is now "+tag).
		Fix("read it again, and repeat the change with its new ETag")
}

// has tells whether a list of entity tags holds tag. In the weak comparison W/ is
// left aside; If-Match compares strongly.
func has(list, tag string, weak bool) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if weak {
			one = strings.TrimPrefix(one, "W/")
		}
		if one == tag || one == "*" && tag != "" {
			return true
		}
	}
	return false
}
