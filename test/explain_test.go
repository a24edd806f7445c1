package test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestExplain: what is dialled is explained in the order in which calls are routed: codes
// and groups before numbers, and nothing is called or refused for it.
func TestExplain(t *testing.T) {
	r, _, _ := ringGroup(t, nil)
	for dialled, want := range map[string]string{
		"*8":               "code *8, end *8",
		"*11*alice*1234#":  "code *11*alice*, end *11*alice*",
		"*80nobody":        "code *80nobody, end *80nobody",
		"*31*sales":        "code *31*sales, group sip:sales@" + domain,
		"*31*+19005551234": "code *31*+19005551234, number +19005551234, policy decision, end *31*+19005551234",
		"300":              "group sip:sales@" + domain,
		"+49302000":        "group sip:sales@" + domain,
		"sales":            "group sip:sales@" + domain,
		"bob":              "user sip:bob@" + domain,
		"+49301234567":     "number +49301234567, policy decision, trunk pstn, end +49301234567",
	} {
		code, out, _ := r.http(t, "GET", "/dialplan/explain?user=alice&number="+url.QueryEscape(dialled), "")
		var got []string
		steps, _ := out["steps"].([]any)
		for _, s := range steps {
			step, _ := s.(map[string]any)
			what, _ := step["what"].(string)
			name, _ := step["name"].(string)
			if what != "policy" || name == "decision" {
				got = append(got, what+" "+name)
			}
		}
		if code != 200 || strings.Join(got, ", ") != want {
			t.Errorf("%s: %d %q, want %q", dialled, code, got, want)
		}
	}
	if _, log, _ := r.http(t, "GET", "/audit?limit=100", ""); strings.Contains(fmt.Sprint(log), "19005551234") {
		t.Errorf("what is explained is in the audit log: %v", log)
	}
}
