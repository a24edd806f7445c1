package mutants

// strangers are mistakes by somebody who had not read the suite. The suite saw those
// marked "at once"; for the others rows were added, of what RFCs say. One more, that only
// the first credentials of a realm are read, breaks nothing that any source states, and
// gave its place to the one about realms.
var strangers = map[string]mutant{
	"a line folded with a tab ends":                 {"rtc/sip/parse.go", `if next == len(b) || b[next] != ' ' && b[next] != '\t' {`, `if next == len(b) || b[next] != ' ' {`, []string{"any-folded-lines"}}, // at once
	"no blank before the port of a Via":             {"rtc/sip/via.go", "i = skipBlanks(b, end)", "i = end", []string{"any-via-blanks"}},
	"rport gets the port of sent-by":                {"rtc/sip/received.go", "value != nil, m.Source.Port())", "value != nil, v.Port)", []string{"any-rport"}},
	"Expires in a Contact has a case":               {"rtc/registrar/answer.go", `strings.EqualFold(name, "expires")`, `name == "expires"`, []string{"any-contact-expires"}},
	"the header Expires comes before the Contact's": {"rtc/registrar/read.go", `a.Param("expires"); has {`, `a.Param("expires"); has && !j.m.Has(sip.HdrExpires) {`, []string{"any-contact-expires"}},
	"an old CSeq of the same Call-ID binds":         {"rtc/registrar/change.go", "return stale\n", "return newer\n", []string{"any-register-order"}},
	"the version in o= rises by two":                {"media/sdp/exchange/agent.go", "version++", "version += 2", []string{"gw-cisco-hold"}}, // at once
	"a stale nonce is not called so":                {"rtc/auth/gate.go", "ask.stale = true", "ask.stale = false", []string{"any-stale-nonce"}},
	"credentials of another realm end the search":   {"rtc/auth/verify.go", "continue // for another realm", "break", []string{"any-credentials-of-realms"}},
	"inactive is no hold":                           {"media/sdp/direction.go", "return !m.Direction.Receives() ||", "return m.Direction == SendOnly ||", []string{"any-hold-inactive"}},
	"the end of a key is sent once":                 {"media/dtmf/writer.go", "ends = 3", "ends = 1", []string{"gw-cisco-dtmf-info"}},
	"a key as a number in INFO is unknown":          {"media/dtmf/body.go", "err == nil && n <= Flash", "err == nil && n <= 9", []string{"gw-cisco-dtmf-info"}},
	"the last NOTIFY of a REFER says active":        {"rtc/dialog/subscription/notifier.go", "\tcase n.ending != \"\":\n\t\treturn State", "\tcase n.over:\n\t\treturn State", []string{"ph-snom-hold-before-refer"}}, // at once
	"each failed transfer is told as 500":           {"telephony/transfer.go", "t.finish(max(o.Code, 400))", "t.finish(500)", []string{"story-snom-transfer-refused"}},
}
