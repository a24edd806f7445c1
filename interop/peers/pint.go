package peers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/template"
	"time"

	"tandem/interop/phones"
	"tandem/interop/process"
)

// pintScenario asks by RFC 2848 §4.9 as it is printed, but for who asks, the numbers and the
// host: no branch, no tag, no Contact, no Max-Forwards, and blanks where the grammar has
// none. It takes a NOTIFY for each step, in this order, and no other; a 200 may come between
// that was repeated, or is to the BYE.
var pintScenario = template.Must(template.New("pint").Parse(`
{{- define "invite"}}
INVITE sip:R2C@{{.Domain}} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port]
To: sip:{{.A}}@pint.bt.co.uk;user=phone;phone-context=+49
From: sip:{{.User}}@{{.Domain}}
Call-ID: [call_id]
Subject: It costs HOW much?{{end}}

{{- define "sdp"}}Content-type: application/sdp
Content-Length: [len]

v=0
o=- 2353687760 2353687760 IN IP4 128.3.4.5
s=R2C
i=ISDN pre-sales query
e=hank.wangford@newts.demon.co.uk
c=TN  RFC2543  {{.B}}
t=2353687760 0
m=audio 1  voice -
{{end}}

{{- define "within"}}[next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port]
From: sip:{{.User}}@{{.Domain}}
To:[$1]
Call-ID: [call_id]{{end}}

{{- define "told"}}<recv response="200" optional="true"/>
  <recv response="200" optional="true"/>
  <recv request="NOTIFY" timeout="60000">
    <action>
      <ereg regexp="i={{.}}" search_in="body" check_it="true" assign_to="2"/>
    </action>
  </recv>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>{{end -}}

<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="pint">
  <send retrans="500"><![CDATA[{{template "invite" .}}
CSeq: 4717 INVITE
{{template "sdp" .}}]]></send>
  <recv response="100" optional="true"/>
  <recv response="407" auth="true"/>
  <send><![CDATA[
ACK sip:R2C@{{.Domain}} SIP/2.0
[last_Via:]
From: sip:{{.User}}@{{.Domain}}
[last_To:]
Call-ID: [call_id]
CSeq: 4717 ACK
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[{{template "invite" .}}
CSeq: 4718 INVITE
[authentication username={{.User}} password={{.Password}}]
{{template "sdp" .}}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200" rrs="true">
    <action>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="1"/>
    </action>
  </recv>
  <send retrans="500"><![CDATA[
SUBSCRIBE {{template "within" .}}
CSeq: 4719 SUBSCRIBE
Expires: 600
{{template "sdp" .}}]]></send>
  <recv response="200"/>
  {{template "told" "queued"}}
  <send><![CDATA[
ACK {{template "within" .}}
CSeq: 4718 ACK
Content-Length: 0

  ]]></send>
  {{template "told" "dialling B"}}
  {{template "told" "B ringing"}}
  {{template "told" "B answered"}}
  {{template "told" "dialling A"}}
  {{template "told" "A ringing"}}
  {{template "told" "connected"}}
  <pause milliseconds="{{.Talk.Milliseconds}}"/>
  <send retrans="500"><![CDATA[
BYE {{template "within" .}}
CSeq: 4720 BYE
Content-Length: 0

  ]]></send>
  {{template "told" "ended by requester"}}
  <Reference variables="2"/>
</scenario>
`))

// StartPINT starts sipp as a PINT client: it asks for a call between two numbers, a in the
// plan of Germany and b, with the credentials of a user, watches each step in its order,
// and ends the call by BYE after talk.
func StartPINT(dir string, user phones.Account, a, b string, talk time.Duration) (*SIPP, error) {
	path, port, err := sippIn(dir)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := pintScenario.Execute(&text, struct {
		phones.Account
		A, B string
		Talk time.Duration
	}{user, a, b, talk}); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "pint.xml")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("configuring sipp: %w", err)
	}
	p, err := process.Start(process.Command{Path: path, Dir: dir, Env: []string{"TERM=dumb"}, Args: []string{
		"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin", "-m", "1", "-r", "1",
		"-trace_err", "-auth_uri", "R2C@" + user.Domain, process.Loopback(user.Port)}})
	return &SIPP{Port: port, dir: dir, program: p}, err
}

// Wait waits until sipp has played its scenario. The error says what came instead of what
// it expects.
func (s *SIPP) Wait(ctx context.Context) error {
	err := s.program.Wait(ctx)
	if err == nil {
		return nil
	}
	unexpected, _ := filepath.Glob(filepath.Join(s.dir, "*_errors.log"))
	for _, file := range unexpected {
		if b, _ := os.ReadFile(file); len(b) > 0 {
			return fmt.Errorf("%w\n%s", err, b)
		}
	}
	return fmt.Errorf("%w\n%s", err, s.Transcript())
}
