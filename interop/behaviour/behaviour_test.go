package behaviour

import (
	"strings"
	"testing"
)

// rows is how many behaviours each family has. The catalogue grows by adding a
// row here too: none is lost without notice.
var rows = map[string]int{
	"cisco-ios": 43, "nuera": 8, "vegastream": 10, "3com-gateway": 13, "audiocodes": 6, "patton": 4,
	"cube": 2, "twilio": 5, "telnyx": 3,
	"cisco-7960": 27, "cisco-enterprise": 11, "cisco-spa": 8, "polycom": 20, "siemens": 14, "3com-phone": 8,
	"yealink": 6, "grandstream": 7, "snom": 9, "fanvil": 3,
	"libraries": 11, "resync": 8, "provisioning": 14, "any": 19,
}

// known is how the rows of devices are known, by their strongest evidence.
var known = map[Evidence]int{Trace: 80, EditedTrace: 6, Code: 72, Document: 32, Inferred: 9, Memory: 8}

func TestRows(t *testing.T) {
	families, err := Families()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[Evidence]int{}
	for _, f := range families {
		if len(f.Behaviours) != rows[f.Name] {
			t.Errorf("%s has %d rows, want %d", f.Name, len(f.Behaviours), rows[f.Name])
		}
		if f.Name == "libraries" || f.Name == "resync" || f.Name == "provisioning" || f.Name == "any" {
			continue // not of one device
		}
		for _, b := range f.Behaviours {
			counts[b.Evidence[0]]++
		}
	}
	for e, n := range known {
		if counts[e] != n {
			t.Errorf("%d rows are known by %s, want %d", counts[e], e, n)
		}
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	const good = "title: T\nrole: phone\nbehaviours:\n  - id: a-b\n    does: x\n    server: y\n    evidence: [trace]\n    source: [s]\n"
	if _, err := Load("good.yaml", []byte(good+"    waits_for: calls\n    not_yet: z\n")); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		good + "    waits_for: calls\n": "not_yet",
		good + "    run:\n      - steps:\n          - {who: phone, operate: {do: GET /x}}\n":             "the operator operates",
		good + "    run:\n      - steps:\n          - {who: phone, talk: {to: cat, tone: 1}}\n":          `talk: to is "cat"`,
		good + "    run:\n      - steps:\n          - {who: phone, wait: {code: final, keep: {x: y}}}\n": "one group",
		good: "says how the row is tried",
		strings.Replace(good, "trace", "rumour", 1) + "    waits_for: calls\n":                           `evidence "rumour"`,
		strings.Replace(good, "role: phone", "role: fax", 1) + "    waits_for: calls\n":                  `role "fax"`,
		strings.Replace(good, "a-b", "A b", 1) + "    waits_for: calls\n":                                "id ",
		good + "    waits_for: rain\n":                                                                   `waits_for "rain"`,
		good + "    wait_for: calls\n":                                                                   "wait_for",
		good + "    run:\n      - pass: {lines: ['X: {nonsense}']}\n":                                    "{nonsense}",
		good + "    run:\n      - steps:\n          - {who: cat, ack: true}\n":                           `who is "cat"`,
		good + "    run:\n      - steps:\n          - {who: phone, ack: true, bytes: x}\n":               "exactly one of register",
		good + "    run:\n      - over: {phone: smoke}\n        pass: {}\n":                              "smoke",
		good + "    run:\n      - {}\n":                                                                  "exactly one of pass",
		good + "    run:\n      - pass: {body_hex: zz}\n":                                                "body_hex",
		good + "    run:\n      - steps:\n          - {who: phone, wait: {code: final, match: ['(']}}\n": "match",
	} {
		_, err := Load("bad.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "bad.yaml") {
			t.Errorf("%s\nerror %v\nshould say %q", text, err, says)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("title: T\nrole: phone\nbehaviours:\n  - id: a\n    run:\n      - pass: {}\n"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = Load("f.yaml", b) })
}
