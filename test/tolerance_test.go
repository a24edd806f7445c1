package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/server"
	"tandem/rtc/proxy"
	"tandem/rtc/sip"
)

// What devices of twenty-five years send must be taken, understood, and handed
// on as it came. Names are those of the catalogue of vendor behaviours.

// field is a rig with one registered phone and one trusted gateway.
type field struct {
	*rig
	t       *testing.T
	phone   *wire // registered as 100
	gateway *wire // on the trusted listener
}

func newField(t *testing.T) *field {
	r := startServer(t, nil)
	r.user("100", "200")
	f := &field{rig: r, t: t, phone: r.dial(t, "udp"), gateway: r.dial(t, "trusted")}
	f.phone.register("100", fmt.Sprintf("Contact: <sip:100@%s;line=almbmxia>", f.phone.local))
	return f
}

// pass sends a request of the gateway to user 100, whose phone answers 200, and
// returns what the phone got and what came back.
func (f *field) pass(text string) (got, answer *sip.Message) {
	f.t.Helper()
	if err := f.gateway.write([]byte(text)); err != nil {
		f.t.Fatal(err)
	}
	got, err := f.phone.next(patience, (*sip.Message).IsRequest)
	if err != nil {
		f.t.Fatalf("the phone got nothing: %v; the gateway got %v", err, f.gateway.drain())
	}
	f.phone.reply(got, 200, "callee", "", "")
	answer, err = f.gateway.next(patience, func(m *sip.Message) bool { return m.StatusCode() >= 200 })
	if err != nil || answer.StatusCode() != 200 {
		f.t.Fatalf("the gateway got %v %v", answer, err)
	}
	return got, answer
}

// drain is what has come and nobody waited for.
func (w *wire) drain() (all []string) {
	for {
		select {
		case b, ok := <-w.in:
			if !ok {
				return all
			}
			all = append(all, string(b))
		default:
			return all
		}
	}
}

// message is a MESSAGE of the gateway to 100 with some lines replaced: each
// of lines takes the place of the header line of that name, or is added.
func (f *field) message(body string, lines ...string) string {
	own := []string{
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%s", f.gateway.local, unique()),
		"From: <sip:36602@127.0.0.1>;tag=3E948-4C5", "To: <sip:100@" + domain + ">", "Call-ID: " + unique() + "@127.0.0.1",
		"CSeq: 101 MESSAGE", "Max-Forwards: 6", fmt.Sprintf("Content-Length: %d", len(body)),
	}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		id, replaced := sip.HeaderByName(strings.TrimSpace(name)), false
		for i := range own {
			if n, _, _ := strings.Cut(own[i], ":"); !replaced && id != 0 && sip.HeaderByName(n) == id {
				own[i], replaced = l, true
			}
		}
		if !replaced {
			own = append(own, l)
		}
	}
	return "MESSAGE sip:100@" + domain + " SIP/2.0\r\n" + strings.Join(own, "\r\n") + "\r\n\r\n" + body
}

func TestToleratesHeaderForms(t *testing.T) {
	f := newField(t)
	at := f.gateway.local.String()
	for _, c := range []struct {
		name  string
		lines []string
		sees  string // the phone must see this octet for octet; "" = the lines themselves
	}{
		{"gw-cisco-via-2sp-nobranch", []string{"Via: SIP/2.0/UDP  " + at}, ""},
		{"no blank after the colon", []string{"From:\"36602\" <sip:36602@127.0.0.1>;tag=3E948-4C5", "CSeq:101 MESSAGE", "Cisco-Guid:3787171507-3700953558-2147913662-199702180"}, ""},
		{"gw-cisco-cseq-tab", []string{"CSeq: 101\tMESSAGE"}, ""},
		{"leading zeros in CSeq", []string{"CSeq: 0000101 MESSAGE"}, ""},
		{"gw-cisco-trailing-ws", []string{"From: <sip:36602@127.0.0.1>;tag=7B9DD228-940        ", "Server: Cisco-SIPGateway/IOS-12.x        "}, ""},
		{"folded lines", []string{"Subject: one\r\n  two\r\n\tthree"}, ""},
		{"gw-audiocodes-compact", []string{"f: <sip:36602@127.0.0.1>;tag=1c1", "k: em,timer,replaces,path", "s: compact"}, ""},
		{"ph-siemens-header-case", []string{"fRoM: <sip:36602@127.0.0.1>;tag=1", "call-id: " + unique(), "cseq: 1 MESSAGE", "SUPPORTED: timer"}, ""},
		{"gw-patton-via-comma", []string{"Via: SIP/2.0/UDP " + at + ";branch=z9hG4bK77, SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK78"}, "SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK78"},
		{"several Allow lines", []string{"Allow: INVITE, ACK", "Allow: BYE"}, "Allow: BYE"},
		{"gw-cisco-allow-comet", []string{"Allow: INVITE, OPTIONS, BYE, CANCEL, ACK, PRACK, COMET, REFER, SUBSCRIBE, NOTIFY, INFO"}, ""},
		{"gw-cisco-supported-null", []string{"Supported: (null)"}, ""},
		{"ph-gs-invite padded Content-Length", []string{"Content-Length:   002"}, "\r\nhi"},
		{"no Content-Length", []string{"Content-Length: 2"}, ""},
		{"gw-cisco-anon", []string{"From: \"unknown\" <sip:127.0.0.1>;tag=1", "Contact: <sip:127.0.0.1:5060>"}, ""},
		{"From and Contact without brackets", []string{"From: sip:36602@127.0.0.1;tag=2", "Contact: sip:36602@127.0.0.1:5060"}, ""},
		{"UTF-8 and unquoted display name", []string{"From: Jürgen K. (Büro) <sip:j@127.0.0.1>;tag=1"}, ""},
		{"ph-optipoint-ua", []string{"User-Agent: optiPoint 410_420/V7 V7 R0.11.0 M5T SIP Stack/4.0.24.24"}, ""},
		{"gw-audiocodes-userparam, broken identity", []string{"P-Asserted-Identity: \"Dave Horton<sip:4083084809;context=private>@10.1.10.1"}, "MESSAGE sip:100@"},
		{"gw-cisco-rpid", []string{"Remote-Party-ID: \"36602\" <sip:36602@127.0.0.1>;party=calling;screen=no;privacy=off"}, ""},
		{"ph-optipoint-alert-info-case", []string{"Alert-Info: <http://127.0.0.1/Bellcore-dr2>"}, ""},
		{"gw-cisco-diversion", []string{"Diversion: <sip:9180@127.0.0.1>;reason=unconditional;privacy=off;screen=yes", "CC-Diversion: <sip:9180@127.0.0.1>"}, ""},
		{"gw-audiocodes-reason-space", []string{"Reason: Q.850 ;cause=21"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			text := f.message("hi", c.lines...)
			switch c.name {
			case "no Content-Length":
				text = strings.Replace(text, "Content-Length: 2\r\n", "", 1)
				c.lines = nil
			case "gw-cisco-via-2sp-nobranch": // nothing but that Via is ours
				text = strings.Replace(text, "Max-Forwards: 6\r\n", "", 1)
			}
			got, answer := f.pass(text)
			want := c.lines
			if c.sees != "" {
				want = []string{c.sees}
			}
			for _, line := range want {
				if !bytes.Contains(got.Bytes(), []byte(line)) {
					t.Errorf("the phone did not see %q:\n%s", line, got.Bytes())
				}
			}
			if string(got.Body()) != "hi" {
				t.Errorf("body %q", got.Body())
			}
			sent := new(sip.Message)
			if err := sent.Parse([]byte(text)); err != nil {
				t.Fatal(err)
			}
			for _, id := range []sip.HeaderID{sip.HdrFrom, sip.HdrCallID, sip.HdrCSeq} {
				if !bytes.Equal(sent.Get(id), answer.Get(id)) {
					t.Errorf("answered with %q, sent %q", answer.Get(id), sent.Get(id))
				}
			}
		})
	}
}

// sipgo-via-quoted-param: the Via of the response is octet for octet the one of
// the request, but for received (and rport).
func TestToleratesQuotedViaParameter(t *testing.T) {
	f := newField(t)
	for _, params := range []string{
		`;x-ds0num="ISDN 0 / 0 / 1:15 0 / 0 / 1 : DS1; 9 : DS0,";branch=z9hG4bK1281B9C`,
		`;x-route-tag="tgrp:cococisco1";branch=z9hG4bKC0`,
		`;branch=z9hG4bK6ED;x-ds0num="ISDN \"0\""`,
	} {
		via := fmt.Sprintf("SIP/2.0/UDP %s%s", f.gateway.local, params)
		_, answer := f.pass(f.message("x", "Via: "+via))
		got := strings.TrimSuffix(string(answer.Get(sip.HdrVia)), ";received=127.0.0.1")
		if got != via {
			t.Errorf("Via came back as\n%s\nit was\n%s", got, via)
		}
	}
}

func TestToleratesLeadingCRLF(t *testing.T) {
	f := newField(t)
	f.pass("\r\n\r\n" + f.message("x"))
	for _, listener := range []string{"tcp", "tls"} {
		w := f.dial(t, listener)
		if err := w.write([]byte("\r\n\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		w.alive()
	}
}

// sipgo-body-short: up to six octets less than Content-Length says.
func TestToleratesShortBody(t *testing.T) {
	f := newField(t)
	for missing := range 7 {
		got, _ := f.pass(f.message("0123456789"[missing:], "Content-Length: 10"))
		if n, _ := got.ContentLength(); n != 10-missing || len(got.Body()) != 10-missing {
			t.Errorf("%d missing: the phone got Content-Length %d and %q", missing, n, got.Body())
		}
	}
	if err := f.gateway.write([]byte(f.message("012", "Content-Length: 10"))); err != nil {
		t.Fatal(err)
	}
	if m, err := f.gateway.next(patience, func(m *sip.Message) bool { return !m.IsRequest() }); err != nil || m.StatusCode() != 400 {
		t.Errorf("seven missing: %v %v", m, err)
	}
}

// Nothing but a message is answered on UDP, and nothing of it does harm.
func TestToleratesKeepAlives(t *testing.T) {
	f := newField(t)
	for _, b := range []string{"\r\n\r\n", "\r\n", "\x00\x00\x00\x00", "jaK", "\x00", " ", "jaK\x00"} {
		if err := f.gateway.write([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	f.gateway.alive()
	for _, m := range f.gateway.aside {
		t.Errorf("a keep-alive was answered:\n%s", m.Bytes())
	}
}

// Timestamp comes back in every answer (RFC 3261 §8.2.6.1).
func TestToleratesTimestamp(t *testing.T) {
	f := newField(t)
	f.gateway.send(fmt.Sprintf("INVITE sip:100@%s SIP/2.0\nVia:SIP/2.0/UDP  %s\nFrom:<sip:1@127.0.0.1>;tag=1\nTo:<sip:100@%s>\nCall-ID:ts@127.0.0.1\nCSeq:101 INVITE\nTimestamp:1034372426\nExpires:180\nContact:<sip:1@%s>\nContent-Length:0\n",
		domain, f.gateway.local, domain, f.gateway.local))
	if m := f.gateway.status(100, "ts@127.0.0.1"); string(m.Get(sip.HdrTimestamp)) != "1034372426" {
		t.Errorf("100 without Timestamp:\n%s", m.Bytes())
	}
	inv := f.phone.request("INVITE")
	f.phone.reply(inv, 486, "b", "", "")
	m := f.gateway.final("ts@127.0.0.1", "INVITE")
	if m.StatusCode() != 486 {
		t.Errorf("%s", m.Bytes())
	}
	f.gateway.ack(m, "sip:100@"+domain)
	if _, err := f.gateway.next(200*time.Millisecond, func(m *sip.Message) bool { return m.StatusCode() == 486 }); err != errQuiet {
		t.Error("the ACK without a branch did not end the transaction: 486 is repeated")
	}
	f.gateway.send(fmt.Sprintf("OPTIONS sip:%s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:%s>\nCall-ID: ts2\nCSeq: 1 OPTIONS\nTimestamp: 12.5\nContent-Length: 0\n",
		f.addr["trusted"], f.gateway.via(), f.addr["trusted"]))
	if m := f.gateway.final("ts2", "OPTIONS"); !strings.HasPrefix(string(m.Get(sip.HdrTimestamp)), "12.5") {
		t.Errorf("answer without Timestamp:\n%s", m.Bytes())
	}
}

// gw-cisco-strict-route: a router of RFC 2543 puts the next hop into the
// Request-URI and the target into the last Route (RFC 3261 §16.4).
func TestToleratesStrictRouting(t *testing.T) {
	f := newField(t)
	f.gateway.send(fmt.Sprintf("INVITE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:100@%s>\nCall-ID: strict\nCSeq: 101 INVITE\nContact: <sip:1@%s>\nContent-Length: 0\n",
		domain, f.gateway.via(), domain, f.gateway.local))
	inv := f.phone.request("INVITE")
	f.phone.reply(inv, 200, "b", fmt.Sprintf("Contact: <sip:100@%s;line=almbmxia>", f.phone.local), "")
	ok := f.gateway.final("strict", "INVITE")
	a, found := ok.FirstAddr(sip.HdrRecordRoute)
	if !found {
		t.Fatalf("no Record-Route:\n%s", ok.Bytes())
	}
	for v := range ok.Values(sip.HdrRecordRoute) {
		if !bytes.Contains(v, []byte(";lr=on")) {
			t.Errorf("Record-Route %s: old gateways lose a parameter without a value", v)
		}
	}
	target := fmt.Sprintf("sip:100@%s;line=almbmxia", f.phone.local)
	for i, method := range []string{"ACK", "BYE"} {
		f.gateway.send(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nRoute: <%s>\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:100@%s>;tag=b\nCall-ID: strict\nCSeq: %d %s\nContent-Length: 0\n",
			method, a.URI, f.gateway.via(), target, domain, 101+i, method))
		got := f.phone.request(method)
		if string(got.RequestURI()) != target || got.Has(sip.HdrRoute) {
			t.Errorf("%s arrived as\n%s", method, got.Bytes())
		}
	}
}

// gw-cisco-gtd and friends: bodies nobody here understands pass unchanged.
func TestToleratesBodies(t *testing.T) {
	f := newField(t)
	for name, c := range map[string]struct{ kind, body string }{
		"gw-cisco-gtd":         {"multipart/mixed;boundary=uniqueBoundary", "--uniqueBoundary\r\nContent-Type: application/gtd\r\nContent-Disposition: signal;handling=optional\r\n\r\nIAM,\r\nPRN,isdn*,,NT100,\r\n\r\n--uniqueBoundary--\r\n"},
		"gw-vega-info-space":   {"application/dtmf-relay", "Signal= 5\r\nDuration= 160\r\n"},
		"gw-cisco-dtmf-notify": {"audio/telephone-event", "\x07\x00\x07\xd0"},
		"gw-patton-sdp":        {"application/sdp", "v=0\r\no=MxSIP 0 56 IN IP4 127.0.0.1\r\ns=SIP Call\r\nm=video 0 RTP/AVP 31 34 103 99"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			if got, _ := f.pass(f.message(c.body, "Content-Type: "+c.kind)); string(got.Body()) != c.body {
				t.Errorf("arrived as %q", got.Body())
			}
		})
	}
}

// A NOTIFY nobody subscribed to reaches the bound contact with all its parameters.
func TestToleratesUnsolicitedNotify(t *testing.T) {
	f := newField(t)
	for _, event := range []string{"check-sync;reboot=false", "message-summary", "service-control"} {
		text := strings.ReplaceAll(f.message("", "Event: "+event), "MESSAGE", "NOTIFY")
		got, _ := f.pass(text)
		if want := fmt.Sprintf("sip:100@%s;line=almbmxia", f.phone.local); string(got.RequestURI()) != want || string(got.GetName("Event")) != event {
			t.Errorf("arrived as\n%s", got.Bytes())
		}
	}
}

// gw-cisco-3xx-brackets and gw-cisco-nodigest: a gateway behind a static route,
// identified by its address, gets the number, and its 302 goes back as it is.
func TestToleratesGatewayBehindRoute(t *testing.T) {
	gw := dialUDP(t, zeroAddr)
	r := startServer(t, func(cfg *server.Config) {
		cfg.Routes = []proxy.Route{{Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:" + gw.local.String()}}}
	})
	gw.to = r.addr["udp"]
	caller := r.dial(t, "trusted")
	for _, uri := range []string{"sip:+4930123@" + domain, "sip:+4930123@" + domain + ";user=phone", "tel:+49-30-123"} {
		id := unique()
		caller.send(fmt.Sprintf("INVITE %s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <%s>\nCall-ID: %s\nCSeq: 1 INVITE\nContact: <sip:1@%s>\nContent-Length: 0\n",
			uri, caller.via(), uri, id, caller.local))
		inv := gw.request("INVITE")
		if got := string(inv.RequestURI()); !strings.Contains(got, "+49") {
			t.Errorf("%s arrived as %s", uri, got)
		}
		const contact = `<sip:+4930999@127.0.0.1:5060;user=phone>;q=0.5`
		gw.reply(inv, 302, "g", "Contact: "+contact, "")
		m := caller.final(id, "INVITE")
		if m.StatusCode() != 302 || string(m.Get(sip.HdrContact)) != contact {
			t.Errorf("%s was answered\n%s", uri, m.Bytes())
		}
		caller.ack(m, uri)
	}
}
