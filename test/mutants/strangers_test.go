package mutants

// strangers are mistakes by somebody who had not read the suite.
var strangers = map[string]mutant{
	"a line folded with a tab ends":                 {"rtc/sip/parse.go", `if next == len(b) || b[next] != ' ' && b[next] != '\t' {`, `if next == len(b) || b[next] != ' ' {`, nil},
	"no blank before the port of a Via":             {"rtc/sip/via.go", "i = skipBlanks(b, end)", "i = end", nil},
	"rport gets the port of sent-by":                {"rtc/sip/received.go", "value != nil, m.Source.Port())", "value != nil, v.Port)", nil},
	"Expires in a Contact has a case":               {"rtc/registrar/answer.go", `strings.EqualFold(name, "expires")`, `name == "expires"`, nil},
	"the header Expires comes before the Contact's": {"rtc/registrar/read.go", `a.Param("expires"); has {`, `a.Param("expires"); has && !j.m.Has(sip.HdrExpires) {`, nil},
	"an old CSeq of the same Call-ID binds":         {"rtc/registrar/change.go", "return stale\n", "return newer\n", nil},
	"the version in o= rises by two":                {"media/sdp/agent.go", "version++", "version += 2", nil},
	"a stale nonce is not called so":                {"rtc/auth/gate.go", "ask.stale = true", "ask.stale = false", nil},
	"only the first credentials are read":           {"rtc/auth/verify.go", "maxAnswers = 4", "maxAnswers = 1", nil},
	"inactive is no hold":                           {"media/sdp/direction.go", "return !m.Direction.Receives() ||", "return m.Direction == SendOnly ||", nil},
	"the end of a key is sent once":                 {"media/dtmf/writer.go", "ends = 3", "ends = 1", nil},
	"a key as a number in INFO is unknown":          {"media/dtmf/body.go", "err == nil && n <= Flash", "err == nil && n <= 9", nil},
	"the last NOTIFY of a REFER says active":        {"rtc/dialog/subscription/notifier.go", "\tcase n.ending != \"\":\n\t\treturn State", "\tcase n.over:\n\t\treturn State", nil},
	"each failed transfer is told as 500":           {"telephony/transfer.go", "t.finish(max(o.Code, 400))", "t.finish(500)", nil},
}
