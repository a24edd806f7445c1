package suite

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/report"
	"tandem/interop/wire"
)

// registrar answers OPTIONS and REGISTER, the latter with a 200 that spoil has
// had its way with.
func registrar(t *testing.T, spoil func(head []string) []string) netip.AddrPort {
	t.Helper()
	e, err := wire.Listen(netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			m, err := e.Next(ctx, (*wire.Message).IsRequest)
			if err != nil {
				return
			}
			head := []string{"SIP/2.0 200 OK", "Via: " + m.Get("Via"), "From: " + m.Get("From"), "To: " + m.Get("To") + ";tag=r", "Call-ID: " + m.Get("Call-ID"),
				"CSeq: " + m.Get("CSeq"), "Date: " + time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), "Content-Length: 0"}
			switch {
			case m.Method() == "REGISTER" && m.Get("Authorization") == "":
				head[0] = "SIP/2.0 401 Unauthorized"
				head = append(head, `WWW-Authenticate: Digest realm="r",nonce="n",qop="auth"`)
			case m.Method() == "REGISTER" && m.Get("Contact") != "*":
				head = spoil(append(head, "Contact: "+m.Get("Contact")+";expires=60"))
			}
			_ = e.Reply(m, []byte(strings.Join(head, "\r\n")+"\r\n\r\n"))
		}
	}()
	t.Cleanup(func() { stop(); <-ended; e.Close() })
	return e.Local
}

// TestFaultsAreSeen: each way to answer a REGISTER wrongly makes the row fail,
// with a reason that names it and all bytes that went over the wire.
func TestFaultsAreSeen(t *testing.T) {
	row := &behaviour.Behaviour{ID: "r", Does: "d", Server: "s", Evidence: []behaviour.Evidence{behaviour.Trace}, Family: &behaviour.Family{Name: "f"},
		Run: []behaviour.Case{{Register: &behaviour.Register{Date: true, Contact: `<sip:{user}@{phone}>;methods="INVITE, ACK"`,
			Text: "REGISTER sip:{domain} SIP/2.0\nVia: SIP/2.0/UDP {phone};branch={branch}\nFrom: <sip:{user}@{domain}>;tag={tag}\nTo: <sip:{user}@{domain}>\nCall-ID: {call}\nCSeq: {cseq} REGISTER\nContact: <sip:{user}@{phone}>;methods=\"INVITE, ACK\"\nContent-Length: 0\n"}}}}
	edit := func(old, new string) func([]string) []string {
		return func(head []string) []string {
			return strings.Split(strings.Replace(strings.Join(head, "\n"), old, new, 1), "\n")
		}
	}
	for name, c := range map[string]struct {
		spoil func([]string) []string
		says  string
	}{
		"nothing is wrong":              {edit("", ""), ""},
		"quotes of a parameter doubled": {edit(`"INVITE, ACK"`, `""INVITE, ACK""`), "names 2 contacts"},
		"another contact":               {edit("Contact: <sip:", "Contact: <sips:"), "it was written"},
		"no expires":                    {edit(";expires=60", ""), "has no expires"},
		"no contact":                    {func(h []string) []string { return h[:len(h)-1] }, "names 0 contacts"},
		"two contacts":                  {func(h []string) []string { return append(h, "Contact: <sip:x@y>;expires=1") }, "names 2 contacts"},
		"no Date":                       {edit("Date:", "X-Date:"), "the Date"},
		"refused":                       {edit("200 OK", "403 Forbidden"), "403"},
		"another CSeq":                  {edit("CSeq: 1", "CSeq: 9"), "nothing of the kind came"},
		"a body that is not there":      {edit("Content-Length: 0", "Content-Length: 7"), "nothing of the kind came"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := 30 * time.Second
			if c.says == "nothing of the kind came" { // it is waited for to the end
				patience = time.Second
			}
			target := &Target{Domain: "d", UDP: registrar(t, c.spoil), Accounts: []Account{{"u", "p"}}, Patience: patience}
			results, err := Run(t.Context(), target, []*behaviour.Behaviour{row}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			if c.says == "" {
				if r.Outcome != report.Passed {
					t.Errorf("%s: %s", r.Outcome, r.Fault())
				}
				return
			}
			if r.Outcome != report.Failed || !strings.Contains(r.Fault(), c.says) {
				t.Errorf("%s: %q, want a fault that says %q", r.Outcome, r.Fault(), c.says)
			}
			var text bytes.Buffer
			report.New("t", time.Now(), results).Summary(&text)
			for _, want := range []string{"REGISTER sip:d SIP/2.0\\r\\n", "phone got from", "1 failed", fmt.Sprint(target.UDP)} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, text.String())
				}
			}
		})
	}
}

// TestJudge: what a step wants of a message.
func TestJudge(t *testing.T) {
	m, err := wire.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nVia: x;received=1.2.3.4\r\nContact: <sip:c>\r\nCSeq: 1 INVITE\r\n\r\nhi"))
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := wire.Split([]byte("INVITE sip:a SIP/2.0\r\nVia: x\r\nCSeq: 1\tINVITE\r\n\r\n"))
	b := &bench{target: &Target{}, devices: map[string]*actor{}}
	d := &actor{who: "phone", sent: sent}
	no, yes := "ho", "hi"
	for _, c := range []struct {
		want behaviour.Wait
		ok   bool
	}{
		{behaviour.Wait{URI: "sip:a@b", Has: []string{"<sip:c>"}, Lacks: []string{"sip:d"}, Match: []string{"^INVITE"}, Same: []string{"Via", "CSeq"}, Header: map[string]string{"m": "<sip:c>"}, Body: &yes}, true},
		{behaviour.Wait{URI: "sip:a"}, false}, {behaviour.Wait{Has: []string{"sip:d"}}, false}, {behaviour.Wait{Lacks: []string{"<sip:c>"}}, false},
		{behaviour.Wait{Match: []string{"^BYE"}}, false}, {behaviour.Wait{Same: []string{"Contact"}}, false},
		{behaviour.Wait{Header: map[string]string{"Contact": "<sip:d>"}}, false}, {behaviour.Wait{Body: &no}, false},
	} {
		if err := b.judge(t.Context(), d, &c.want, m); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.want, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	e, err := wire.Listen(netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := Run(t.Context(), &Target{UDP: e.Local}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "does not answer OPTIONS") {
		t.Errorf("%v", err)
	}
}
