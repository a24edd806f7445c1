package pint

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestPINTRefusals: what is wrong with a request, as example 4.9 of RFC 2848 changed
// in one place, and the answer with its Warning.
func TestPINTRefusals(t *testing.T) {
	r, q, alice, gateway := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Contexts = []config.PINTContext{{Context: "X-acme.com-1", Dial: "0345"}}
		cfg.PINT.Services = []config.PINTService{{Name: "open", Kind: "r2c", AnyParty: true}}
	})
	const c, m, to = "c=TN  RFC2543  +44-1794-8331013", "m=audio 1  voice -", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
	rows := []struct {
		name    string
		replace []string
		code    int
		warning string // begins so: code, then text
		unsup   string
	}{
		{"unknown service", []string{"R2C@", "R2X@"}, 404, "399 there is no service", ""},
		{"no description", []string{"application/sdp", "text/plain"}, 415, "399 ", ""},
		{"a line too few", []string{"o=- 2353687760 2353687760 IN IP4 128.3.4.5\n", ""}, 400, "399 line o= is missing", ""},
		{"another network", []string{c, "c=IN IP4 128.3.4.5"}, 606, "300 Incompatible network protocol", ""},
		{"another address type", []string{c, "c=TN X-mts 17"}, 606, "301 Incompatible network address format", ""},
		{"a user elsewhere in c=", []string{c, "c=TN X-sip alice@elsewhere.example"}, 606, "399 sip:alice@elsewhere.example cannot be called", ""},
		{"somebody else in c=", []string{c, "c=TN X-sip eve@" + harness.Domain}, 403, "399 ", ""},
		{"nothing in c=", []string{c, "c=TN X-sip @"}, 606, "399 ", ""},
		{"no address", []string{c + "\n", ""}, 400, "399 c= is missing", ""},
		{"not a number", []string{c, "c=TN RFC2543 alice"}, 606, "399 Network Address Not Understood", ""},
		{"too short", []string{c, "c=TN RFC2543 +1"}, 484, "399 ", ""},
		{"context of nobody", []string{m, m + "\na=phone-context:X-nobody.com-1", c, "c=TN RFC2543 17"}, 606, "399 Network Address Not Understood", ""},
		{"context of nobody, required", []string{m, m + "\na=require:phone-context\na=phone-context:X-nobody.com-1", c, "c=TN RFC2543 17"}, 606, "399 ", "phone-context"},
		{"attribute nobody knows", []string{m, m + "\na=require:colour\na=colour:red"}, 420, "399 attributes not understood", "colour"},
		{"of two, one", []string{m, m + "\na=require:clir,colour\na=clir:true"}, 420, "399 ", "colour"},
		{"tsp is none", []string{m, m + "\na=require:tsp"}, 420, "399 ", "tsp"},
		{"plan", []string{m, m + "\na=require:Q763-plan\na=Q763-plan:4"}, 606, "399 ", "Q763-plan"},
		{"nature", []string{m, m + "\na=require:Q763-nature\na=Q763-nature:9"}, 606, "399 ", "Q763-nature"},
		{"nature out of range", []string{m, m + "\na=require:Q763-nature\na=Q763-nature:200"}, 606, "399 ", "Q763-nature"},
		{"routing", []string{m, m + "\na=require:Q763-INN\na=Q763-INN:1"}, 606, "399 ", "Q763-INN"},
		{"in To, as in the grammar", []string{to, "<" + to + ";require=Q763-plan;Q763-plan=4>"}, 606, "399 ", "Q763-plan"},
		{"in To, as in the text", []string{to, "<" + to + ";require=Q763-plan;a=Q763-plan:4>"}, 606, "399 ", "Q763-plan"},
		{"extension", []string{"Subject: ", "Require: org.example.magic\nSubject: "}, 420, "", "org.example.magic"},
		{"on hold", []string{m, "m=audio 0 voice -"}, 606, "399 the request is on hold", ""},
		{"image", []string{m, "m=image 1 voice jpeg"}, 415, "304 Media type not available", ""},
		{"pager", []string{m, "m=text 1 pager -"}, 501, "302 Incompatible transport protocol: pager", ""},
		{"pager by the fax service, as 4.5 has it", []string{"R2C@", "R2F@", m, "m=text 1 pager plain\na=fmtp:plain uri:http://x/y"}, 501, "302 Incompatible transport protocol: pager", ""},
		{"pager by fax-back, as 4.11 has it", []string{"R2C@", "R2FB@", m, "m=text 1 pager x-pay\na=fmtp:x-pay opr:mci.com/md5:<crypto signature>"}, 501, "302 ", ""},
		{"fax to a voice service", []string{m, "m=text 1 fax -"}, 501, "302 ", ""},
		{"a protocol of the Internet", []string{m, "m=audio 1 RTP/AVP 0"}, 501, "302 ", ""},
		{"To is a name elsewhere", []string{to, "sip:mary.james@mailorder.com"}, 606, "399 sip:mary.james@mailorder.com cannot be called", ""},
		{"To is nobody here", []string{to, "sip:nobody@" + harness.Domain}, 606, "399 ", ""},
		{"To is the service", []string{to, "sip:R2C@" + harness.Domain}, 606, "399 To names nobody", ""},
		{"To cannot be dialled", []string{to, "sip:12a@x;user=phone"}, 606, "399 Network Address Not Understood", ""},
		{"not her number", []string{c, "c=TN RFC2543 +44-1794-8331014"}, 403, "399 ", ""},
		{"both are the same", []string{to, "sip:alice@" + harness.Domain}, 606, "399 both parties", ""},
		{"premium", []string{to, "sip:+44-909-8790123@x;user=phone"}, 403, "399 ", ""},
		{"abroad", []string{to, "sip:+1-201-456-7890@x;user=phone"}, 403, "399 ", ""},
		{"emergency", []string{to, "sip:999@x;user=phone"}, 403, "399 emergency numbers", ""},
		{"emergency at the other end", []string{"R2C@", "open@", c, "c=TN RFC2543 112"}, 403, "399 emergency numbers", ""},
		{"begins in ten years", []string{"t=2353687760", fmt.Sprint("t=", time.Now().Unix()+2208988800+10*365*86400)}, 606, "399 ", ""},
		{"fax", []string{"R2C@", "R2F@", m, "m=text 1 fax -"}, 501, "399 no fax machine", ""},
		{"fax-back", []string{"R2C@", "R2FB@", m, "m=text 1 fax -"}, 501, "399 no fax machine", ""},
		{"nothing to hear", []string{"R2C@", "R2HC@", m, "m=text 1 voice -"}, 400, "399 nothing is named", ""},
		{"format without source", []string{"R2C@", "R2HC@", m, "m=text 1 voice plain"}, 400, "399 format plain has no a=fmtp", ""},
		{"part that is not there", []string{"R2C@", "R2HC@", m, "m=text 1 voice plain\na=fmtp:plain spr:1@x"}, 400, "399 no part has the Content-ID", ""},
		{"image to be heard", []string{"R2C@", "R2HC@", m, "m=image 1 voice jpeg\na=fmtp:jpeg uri:http://x/y"}, 415, "305 Incompatible media format: image jpeg", ""},
	}
	for _, row := range rows {
		m := q.invite(t, q.example(t, "4.9", row.replace...))
		if m.StatusCode() < 300 {
			q.plainAck(m, q.example(t, "4.9"))
			t.Errorf("%s: accepted", row.name)
			continue
		}
		code, text, _ := strings.Cut(string(m.Get(sip.HdrWarning)), " "+harness.Domain+" \"")
		want, begins, _ := strings.Cut(row.warning, " ")
		if m.StatusCode() != row.code || code != want || !strings.HasPrefix(text, begins) || string(m.GetName("Unsupported")) != row.unsup {
			t.Errorf("%s: %d, Warning %s, Unsupported %q; want %d, %s, %q", row.name, m.StatusCode(), m.Get(sip.HdrWarning), m.GetName("Unsupported"), row.code, row.warning, row.unsup)
		}
	}
	if got := pintRows(r, t)["ask-pint-call failed"]; got != len(rows) {
		t.Errorf("%d refusals are in the audit log, of %d", got, len(rows))
	}
	for name, w := range map[string]*harness.Wire{"alice": alice, "the gateway": gateway} {
		if m, err := w.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
			t.Errorf("%s was called:\n%s", name, m.Bytes())
		}
	}
}

// TestPINTSpellings: what is taken on, however it is written.
func TestPINTSpellings(t *testing.T) {
	_, q, alice, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", PerMinute: 1000, AtOnce: 1000, Same: time.Millisecond}}
		cfg.PINT.Contexts = []config.PINTContext{{Context: "X-acme.com-1", Dial: "0345"}}
	})
	const c, m, to = "c=TN  RFC2543  +44-1794-8331013", "m=audio 1  voice -", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
	for name, replace := range map[string][]string{
		"as printed":                    {"R2C@", "R2C@"},
		"in another case of letters":    {"R2C@", "r2c@", "m=audio 1  voice", "m=Audio 1 Voice"},
		"tsp":                           {"R2C@pint.bt.co.uk", "R2C@pint.bt.co.uk;tsp=telco.com"},
		"brackets":                      {to, "<" + to + ">"},
		"E.164 in To":                   {to, "<sip:+44-345-123456@x;user=phone>"},
		"tel URI":                       {to, "<tel:+44-345-123456>"},
		"context inside the user part":  {to, "<sip:0345123456;phone-context=+44@x;user=phone>"},
		"private context, required":     {to, "<sip:123456@x;user=phone;phone-context=X-acme.com-1;require=phone-context>"},
		"a local number in c=":          {c, "c=TN RFC2543 01794-8331013"},
		"with its context, required":    {c, "c=TN RFC2543 01794-8331013", m, m + "\na=require:phone-context\na=phone-context:+44"},
		"Q763 both required and can":    {c, "c=TN RFC2543 44-1794-8331013", m, m + "\na=require:Q763-nature,Q763-plan\na=Q763-nature:4\na=Q763-plan:1"},
		"a user in c=":                  {c, "c=TN X-SIP alice@" + harness.Domain},
		"clir":                          {m, m + "\na=require:clir\na=clir:true"},
		"c= before t=, without version": {"t=2353687760 0\nm=audio 1  voice -", "t=0 0\nm=audio 1 voice -"},
		"both tags of PINT required":    {"Subject: ", "Require: org.ietf.sip.subscribe, org.ietf.sdp.require\nSubject: "},
		"attributes nobody must know":   {m, m + "\na=colour:red\na=X-acme.com-mood:good"},
		"lines that say nothing":        {m, m + "\nb=AS:64", "i=ISDN", "u=http://example.com/\np=+1\ni=ISDN"},
	} {
		text := q.example(t, "4.9", replace...)
		ok := q.invite(t, text)
		if ok.StatusCode() != 200 {
			t.Errorf("%s: answered\n%s", name, ok.Bytes())
			continue
		}
		q.plainAck(ok, text)
		invite := alice.Request("INVITE")
		if u := string(invite.RequestURI()); !strings.HasPrefix(u, "sip:alice@") {
			t.Errorf("%s: called is %s", name, u)
		}
		if from, _ := invite.From(); !strings.Contains(string(from.URI), "44345123456") {
			t.Errorf("%s: alice sees %s", name, from.URI)
		}
		alice.Reply(invite, 603, "a", "", "")
		alice.Request("ACK")
		if m := q.Request("BYE"); m != nil {
			q.Reply(m, 200, "", "", "")
		}
	}
}

// TestPINTRefusedForNow: what is refused now and may be asked for again says when; what
// cannot be recorded, or not sent in so many parts, is refused with what to do.
func TestPINTRefusedForNow(t *testing.T) {
	now := time.Now().UTC()
	clock := func(d time.Duration) string { return now.Add(d).Format("15:04") }
	r, q, alice, _ := pintRig(t, func(cfg *config.Config) {
		cfg.Telephony.Recordings = "" // there is no place for them
		cfg.PINT.Services = []config.PINTService{
			{Name: "R2C", Kind: "r2c", PerMinute: 100, AtOnce: 100},
			{Name: "asleep", Kind: "r2c", QuietFrom: clock(-2 * time.Hour), QuietTo: clock(2 * time.Hour), QuietZone: "UTC"},
			{Name: "slow", Kind: "r2c", PerMinute: 1, Same: time.Millisecond},
			{Name: "single", Kind: "r2c", PerMinute: 100, AtOnce: 1, Same: time.Millisecond},
			{Name: "patient", Kind: "r2c", PerMinute: 100, AtOnce: 100, Waiting: 1, Same: time.Millisecond},
			{Name: "recorded", Kind: "r2c", Record: "asked"},
			{Name: "R2HC", Kind: "r2hc"},
		}
	})
	const m, to = "m=audio 1  voice -", "sip:0345-123456@"
	tomorrow := func(n int64) []string {
		return []string{"R2C@", "patient@", "t=2353687760", fmt.Sprint("t=", now.Unix()+2208988800+86400+n)}
	}
	parts := func(n int) string {
		body := "--next\r\nContent-Type: application/sdp\r\n\r\n" + strings.Join([]string{"v=0", "o=- 1 1 IN IP4 128.3.4.5", "s=R2HC", "c=TN RFC2543 +44-1794-8331013", "t=0 0", "m=text 1 voice plain", "a=fmtp:plain"}, "\r\n")
		for i := range n - 1 {
			body += fmt.Sprintf(" spr:%d@x", i)
		}
		body += "\r\n"
		for i := range n - 1 {
			body += fmt.Sprintf("--next\r\nContent-Type: text/plain\r\nContent-ID: <%d@x>\r\n\r\nword\r\n", i)
		}
		return body + "--next--\r\n"
	}
	multipart := func(n int) string {
		text := q.example(t, "4.9", "R2C@", "R2HC@", "Content-type: application/sdp", "Content-Type: multipart/related; boundary=next")
		head, _, _ := strings.Cut(text, "\r\n\r\n")
		body := parts(n)
		return contentLength.ReplaceAllString(head, fmt.Sprint("Content-Length: ", len(body))) + "\r\n\r\n" + body
	}
	asked := func(replace ...string) string { return q.example(t, "4.9", replace...) }
	for _, row := range []struct {
		name, text string
		code       int
		warning    string
		after      [2]uint32 // of Retry-After, from and to, in seconds
	}{
		{"at first", asked(), 200, "", [2]uint32{}},
		{"the same again", asked(), 480, "the same request was taken on just now", [2]uint32{1, 60}},
		{"quiet hours", asked("R2C@", "asleep@"), 480, "the service calls nobody at that time", [2]uint32{3600, 7200}},
		{"one a minute has been", asked("R2C@", "slow@"), 480, "too many requests within a minute", [2]uint32{1, 60}},
		{"one at a time goes on", asked("R2C@", "single@"), 480, "too many calls at a time", [2]uint32{10, 10}},
		{"one that waits", asked(tomorrow(0)...), 200, "", [2]uint32{}},
		{"another that would wait", asked(tomorrow(60)...), 480, "too many scheduled calls wait", [2]uint32{60, 60}},
		{"never recorded", asked(m, m+"\na=X-record:true", to, "sip:0345-123457@"), 403, "calls of the service R2C are not recorded", [2]uint32{}},
		{"nowhere to keep it", asked("R2C@", "recorded@", m, m+"\na=X-record:true"), 501, "this call cannot be recorded", [2]uint32{}},
		{"17 parts", multipart(17), 413, "the body is too large: it has more than 16 parts", [2]uint32{}},
		{"16 parts", multipart(16), 200, "", [2]uint32{}},
	} {
		m := q.invite(t, row.text)
		if m.StatusCode() == 200 {
			q.plainAck(m, row.text)
		}
		switch row.name {
		case "at first": // goes on while the others are asked for
			alice.Reply(alice.Request("INVITE"), 180, "a", "", "")
		case "one that waits":
			harness.Wait(t, "it waits", func() bool { _, waiting := r.S.PINT().Active(); return waiting == 1 })
		}
		after, has := m.RetryAfter()
		if m.StatusCode() != row.code || !strings.Contains(string(m.Get(sip.HdrWarning)), row.warning) || (row.after[0] > 0) != has || after < row.after[0] || after > row.after[1] {
			t.Errorf("%s: answered\n%s", row.name, m.Bytes())
		}
	}
}

var contentLength = regexp.MustCompile(`Content-Length: \d+`)
