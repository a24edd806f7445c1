package camara

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

const valid = `{"caller":{"number":"+441234567890"},"callee":{"number":"+441234567891"},"sink":"https://endpoint.example.com/sink",
	"sinkCredential":{"credentialType":"ACCESSTOKEN","accessToken":"ya29","accessTokenExpiresUtc":"2099-01-01T00:00:00Z","accessTokenType":"bearer"}}`

func TestRead(t *testing.T) {
	for body, want := range map[string]string{
		valid: "", `{"caller":{"number":"+4412"},"callee":{"number":"+4413"}}`: "",
		``: "INVALID_ARGUMENT", `[]`: "INVALID_ARGUMENT", `{"caller":7}`: "INVALID_ARGUMENT",
		strings.Replace(valid, "+441234567890", "441234567890", 1):                  "INVALID_PHONE_NUMBER",
		strings.Replace(valid, "+441234567890", "+0441234567890", 1):                "INVALID_PHONE_NUMBER",
		strings.Replace(valid, "+441234567890", "+44123456789012345", 1):            "INVALID_PHONE_NUMBER",
		strings.Replace(valid, "+441234567890", "+441234567891", 1):                 "SAME_CALLER_CALLEE",
		strings.Replace(valid, `"sink":"https:`, `"sink":"file:`, 1):                "INVALID_ARGUMENT",
		strings.Replace(valid, `https://endpoint`, `https://me:pw@e`, 1):            "INVALID_ARGUMENT",
		strings.Replace(valid, "2099", "1999", 1):                                   "INVALID_ARGUMENT",
		strings.Replace(valid, "ACCESSTOKEN", "PLAIN", 1):                           "INVALID_ARGUMENT",
		strings.Replace(valid, `ya29`, `ya\r\nHost: x`, 1):                          "INVALID_ARGUMENT",
		strings.Replace(valid, `{"caller"`, `{"recordingEnabled":true,"caller"`, 1): "",
	} {
		if _, code, err := read(strings.NewReader(body)); code != want || (err == nil) != (want == "") {
			t.Errorf("%s: %s, %v", body, code, err)
		}
	}
}

// What a client is told of a call, and in which words.
func TestEncode(t *testing.T) {
	events := func(states ...pint.State) (list []pint.Event) {
		for _, s := range states {
			list = append(list, pint.Event{Time: time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC), State: s})
		}
		return list
	}
	for name, c := range map[string]struct {
		s    pint.Session
		want []string
	}{
		"talked": {pint.Session{State: pint.Completed, Events: events(pint.Scheduled, pint.Dialling, pint.Dialling, pint.Joining, pint.Joining, pint.Connected, pint.Completed)},
			[]string{"initiating", "callingCaller", "callingCallee", "connected", "disconnected hangUp"}},
		"caller busy":   {pint.Session{State: pint.Failed, Code: 486, Missed: service.B, Events: events(pint.Dialling, pint.Failed)}, []string{"callingCaller", "failed callerBusy"}},
		"callee silent": {pint.Session{State: pint.Failed, Code: 408, Missed: service.A, Events: events(pint.Joining, pint.Failed)}, []string{"callingCallee", "failed calleeNoAnswer"}},
		"no gateway":    {pint.Session{State: pint.Failed, Code: 503, Missed: service.A, Events: events(pint.Joining, pint.Failed)}, []string{"callingCallee", "failed calleeFailure"}},
		"caller left":   {pint.Session{State: pint.Failed, Code: 487, Missed: service.A, EndedBy: "B", Events: events(pint.Joining, pint.Failed)}, []string{"callingCallee", "failed callerAbandon"}},
		"ended":         {pint.Session{State: pint.Cancelled, Code: 487, Events: events(pint.Dialling, pint.Cancelled)}, []string{"callingCaller", "disconnected other"}},
	} {
		ids := map[string]bool{}
		var got []string
		for n := range c.s.Events {
			m := Encode(&c.s, n)
			if m.Body == nil {
				continue
			}
			var e event
			if err := json.Unmarshal(m.Body, &e); err != nil {
				t.Fatal(err)
			}
			if e.SpecVersion != "1.0" || e.Type != "org.camaraproject.click-to-dial.v0.status-changed" || m.Type != "application/cloudevents+json" || ids[e.ID] || e.ID != Encode(&c.s, n).ID {
				t.Errorf("%s: %s", name, m.Body)
			}
			ids[e.ID] = true
			got = append(got, strings.TrimSpace(e.Data.Status.State+" "+e.Data.Status.Reason))
		}
		if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(valid)
	f.Add(`{"caller":{"number":"+4412"},"callee":{"number":"+4413"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, code, err := read(strings.NewReader(body))
		if (err == nil) != (code == "") {
			t.Fatal(code, err)
		}
		if err == nil && (!e164.MatchString(c.Caller.Number) || !e164.MatchString(c.Callee.Number) || c.Caller == c.Callee) {
			t.Fatalf("%+v", c)
		}
	})
}
