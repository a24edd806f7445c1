package pint

import (
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestPINTPremium: no spelling of a premium number, for either party, has the server
// call it, and the other party is not called either.
func TestPINTPremium(t *testing.T) {
	r, q, alice, gateway := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", AnyParty: true, PerMinute: 1000, AtOnce: 1000, Same: time.Millisecond}}
	})
	const (
		to = "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
		c  = "c=TN  RFC2543  +44-1794-8331013"
		m  = "m=audio 1  voice -"
	)
	for _, replace := range [][]string{
		{to, "sip:+44-909-8790123@x;user=phone"},
		{to, "sip:+449098790123@x;user=phone"},
		{to, "sip:09098790123@x;user=phone;phone-context=+44"},
		{to, "sip:0909-879-0123@x;user=phone;phone-context=+44"},
		{to, "<sip:09098790123;phone-context=+44@x;user=phone>"},
		{to, "<sip:%2b449098790123@x;user=phone>"},
		{to, "<sip:+44%39098790123@x;user=phone>"},
		{to, "<sip:00449098790123@x;user=phone>"},
		{to, "<tel:+44-909-8790123>"},
		{to, "<tel:09098790123;phone-context=+44>"},
		{to, "<tel:+1-900-555-1234>"},
		{to, "sip:+1-900-555-1234@x;user=phone"},
		{c, "c=TN RFC2543 +44-909-8790123"},
		{c, "c=TN RFC2543 0909-8790123"},
		{c, "c=TN RFC2543 00449098790123"},
		{c, "c=TN RFC2543 44-909-8790123", m, m + "\na=require:Q763-nature,Q763-plan\na=Q763-nature:4\na=Q763-plan:1"},
	} {
		text := q.example(t, "4.9", replace...)
		m := q.invite(t, text)
		if m.StatusCode()/100 == 2 {
			t.Errorf("%v is accepted", replace)
		}
		q.plainAck(m, text)
	}
	for who, w := range map[string]*harness.Wire{"alice": alice, "the gateway": gateway} {
		if m, err := w.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
			t.Errorf("%s gets\n%s", who, m.Bytes())
		}
	}
	r.NothingLeft(t)
}

// TestPINTReplays: what was overheard of a request does not have the server call again,
// from wherever and however it is sent: as it was, under another Call-ID, for another
// number.
func TestPINTReplays(t *testing.T) {
	r, q, alice, gateway := pintRig(t)
	text := q.example(t, "4.9")
	id := callIDLine.FindStringSubmatch(text)[1]
	q.Send(text)
	challenge := q.Final(id, "INVITE")
	q.plainAck(challenge, text)
	line, err := harness.Credentials(challenge, q.user, harness.Password, "INVITE", strings.Fields(text)[1], "auth")
	if err != nil {
		t.Fatal(err)
	}
	heard := strings.Replace(text, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1)
	heard = cseqLine.ReplaceAllString(heard, "CSeq: 4718 ")
	q.Send(heard)
	ok := q.Final(id, "INVITE")
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	q.plainAck(ok, text)
	invite := alice.Request("INVITE")
	alice.Reply(invite, 603, "a", "", "")
	alice.Request("ACK")
	q.Reply(q.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)

	eve := &pintClient{r.Dial(t, "udp"), "eve"}
	for name, forged := range map[string]string{
		"in a new call":      callIDLine.ReplaceAllString(heard, "Call-ID: "+harness.Unique()),
		"for another number": callIDLine.ReplaceAllString(strings.ReplaceAll(heard, "0345-123456", "0345-123457"), "Call-ID: "+harness.Unique()),
	} {
		for who, w := range map[string]*pintClient{"the same address": q, "another one": eve} {
			w.Send(strings.Replace(forged, q.Local.String(), w.Local.String(), 1))
			m := w.Final(callIDLine.FindStringSubmatch(forged)[1], "INVITE")
			w.plainAck(m, forged)
			if m.StatusCode()/100 == 2 {
				t.Errorf("%s from %s is answered\n%s", name, who, m.Bytes())
			}
		}
	}
	q.Send(heard) // as it was: no more than a repetition, which may get no answer
	eve.Send(heard)
	for who, w := range map[string]*harness.Wire{"alice": alice, "the gateway": gateway} {
		if m, err := w.Next(200*time.Millisecond, (*sip.Message).IsRequest); err == nil {
			t.Errorf("%s gets\n%s", who, m.Bytes())
		}
	}
	r.NothingLeft(t)
}
