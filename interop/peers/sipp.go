package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/interop/phones"
	"tandem/interop/process"
)

// SIPP is a run of sipp's built-in scenarios.
type SIPP struct {
	Port    int
	program *process.Program
	dir     string
	args    []string // of a gateway, without the scenario
}

// Counts are the calls of a finished run.
type Counts struct{ Successful, Failed int }

// sippIn finds sipp and a port for it, and makes the folder it works in.
func sippIn(dir string) (path string, port int, err error) {
	if path, err = process.Find("sipp"); err != nil {
		return "", 0, err
	}
	if port, err = process.Port(); err != nil {
		return "", 0, err
	}
	return path, port, os.MkdirAll(dir, 0o700)
}

// StartUAS starts sipp as a callee that answers everything.
func StartUAS(ctx context.Context, dir string) (*SIPP, error) {
	return onFreePort(func() (*SIPP, error) { return startUAS(ctx, dir) })
}

func startUAS(ctx context.Context, dir string) (*SIPP, error) {
	path, port, err := sippIn(dir)
	if err != nil {
		return nil, err
	}
	p, err := process.Start(process.Command{Path: path, Dir: dir, Env: []string{"TERM=dumb"}, Args: []string{
		"-sn", "uas", "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin"}})
	if err != nil {
		return nil, err
	}
	return &SIPP{Port: port, program: p}, p.Listens(ctx, port)
}

// gatewayScenario answers calls like a gateway that takes PCMU alone, sends
// back what it hears, and hangs up after $TALK ms unless the caller has.
const gatewayScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="gateway">
  <recv request="INVITE" crlf="true" rrs="true">
    <action>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/>
    </action>
  </recv>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=gateway 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

  ]]></send>
  <recv request="ACK" crlf="true"/>
  <recv request="BYE" timeout="$TALK" ontimeout="hangup" crlf="true"/>
  <send next="done"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
  <label id="hangup"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$2];tag=[pid]SIPpTag01[call_number]
To:[$1]
[last_Call-ID:]
CSeq: 1 BYE
[routes]
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="200" crlf="true"/>
  <label id="done"/>
</scenario>
`

// StartGateway starts sipp as a gateway with sound; it hangs up after talk.
func StartGateway(ctx context.Context, dir string, talk time.Duration) (*SIPP, error) {
	return onFreePort(func() (*SIPP, error) { return startGateway(ctx, dir, talk) })
}

func startGateway(ctx context.Context, dir string, talk time.Duration) (*SIPP, error) {
	port, err := process.Port()
	if err != nil {
		return nil, err
	}
	media, err := process.RTPPort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	g := &SIPP{Port: port, dir: dir, args: []string{"-i", "127.0.0.1", "-p", strconv.Itoa(port), "-mi", "127.0.0.1",
		"-mp", strconv.Itoa(media), "-rtp_echo", "-nostdin", "-aa"}}
	if err := g.play(strings.ReplaceAll(gatewayScenario, "$TALK", strconv.FormatInt(talk.Milliseconds(), 10))); err != nil {
		return nil, err
	}
	return g, g.program.Listens(ctx, port)
}

// play starts sipp with a scenario.
func (s *SIPP) play(scenario string) error {
	path, err := process.Find("sipp")
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "gateway.xml")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		return fmt.Errorf("configuring sipp: %w", err)
	}
	s.program, err = process.Start(process.Command{Path: path, Dir: s.dir, Env: []string{"TERM=dumb"}, Args: append([]string{"-sf", file}, s.args...)})
	return err
}

// refusingScenario answers calls 503 and asks for a minute of peace.
const refusingScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="refusing">
  <recv request="INVITE" crlf="true"/>
  <send retrans="500"><![CDATA[
SIP/2.0 503 Service Unavailable
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Retry-After: 60
Content-Length: 0

  ]]></send>
  <recv request="ACK" crlf="true"/>
</scenario>
`

// Refuse has a gateway answer calls 503 with Retry-After from now on. Calls it has
// are forgotten.
func (s *SIPP) Refuse() error {
	s.program.Kill()
	return s.play(refusingScenario)
}

// Pause has it say nothing; Resume ends that.
func (s *SIPP) Pause() error { return s.program.Signal(syscall.SIGSTOP) }

// Resume has it go on after Pause.
func (s *SIPP) Resume() error { return s.program.Signal(syscall.SIGCONT) }

// Calls ends a gateway and returns how many calls it had at a time at most, and in
// all.
func (s *SIPP) Calls() (most, total int, err error) {
	if err := s.Close(); err != nil {
		return 0, 0, err
	}
	most, total = s.program.Last(`Peak was (\d+) calls`), s.program.Last(`Incoming calls created\s*\|\s*\d+\s*\|\s*(\d+)`)
	if most < 0 || total < 0 {
		return most, total, fmt.Errorf("sipp has not counted its calls\n%s", s.program.Out.Tail(60))
	}
	return most, total, nil
}

// Close ends it.
func (s *SIPP) Close() error { return s.program.Close() }

// Elsewhere is the host of the users whom RunUAC calls. Nothing is sent there.
const Elsewhere = "192.0.2.7"

// RunUAC makes calls to number at Elsewhere through a server's UDP port, rate a second, and
// returns their outcome. The error tells of failed calls.
func RunUAC(ctx context.Context, dir, number string, server, calls, rate int) (Counts, error) {
	path, port, err := sippIn(dir)
	if err != nil {
		return Counts{}, err
	}
	p, err := process.Run(ctx, process.Command{Path: path, Dir: dir, Env: []string{"TERM=dumb"}, Args: []string{
		"-sn", "uac", "-s", number, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin", "-d", "200",
		"-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate), "-timeout", "30s", "-timeout_error", "-trace_err", "-rsa", process.Loopback(server), Elsewhere}})
	if p == nil {
		return Counts{}, err
	}
	c := counted(p)
	if err == nil && c.Successful != calls {
		err = fmt.Errorf("sipp finished %d of %d calls\n%s", c.Successful, calls, p.Out.Tail(60))
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, firstErrors(dir))
	}
	return c, err
}

// counted are the calls that a caller has counted.
func counted(p *process.Program) Counts {
	return Counts{Successful: p.Last(`Successful call\s*\|\s*\d+\s*\|\s*(\d+)`), Failed: p.Last(`Failed call\s*\|\s*\d+\s*\|\s*(\d+)`)}
}

// firstErrors is the beginning of what a caller in dir found wrong.
func firstErrors(dir string) string {
	var first []byte
	files, _ := filepath.Glob(filepath.Join(dir, "*_errors.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		first = append(first, text[:min(len(text), 2000)]...)
	}
	return string(first)
}

// callerScenario calls a number with the credentials of a user, talks for a second
// and hangs up.
const callerScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[$INVITE
CSeq: 1 INVITE
$SDP]]></send>
  <recv response="100" optional="true"/>
  <recv response="407" auth="true"/>
  <send><![CDATA[
ACK sip:$NUMBER@$DOMAIN SIP/2.0
[last_Via:]
From: <sip:$USER@$DOMAIN>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[$INVITE
CSeq: 2 INVITE
[authentication username=$USER password=$PASSWORD]
$SDP]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true" timeout="15000"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:$USER@$DOMAIN>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
[routes]
Content-Length: 0

  ]]></send>
  <pause milliseconds="1000"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:$USER@$DOMAIN>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 3 BYE
Max-Forwards: 70
[routes]
Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
`

const callerInvite = `
INVITE sip:$NUMBER@$DOMAIN SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:$USER@$DOMAIN>;tag=[pid]c[call_number]
To: <sip:$NUMBER@$DOMAIN>
Call-ID: [call_id]
Contact: <sip:$USER@[local_ip]:[local_port]>
Max-Forwards: 70`

const callerSDP = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=caller 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
`

// RunCallers makes calls of a user to a number, rate a second, and returns their
// outcome. The error tells of failed calls.
func RunCallers(ctx context.Context, dir string, a phones.Account, number string, calls, rate int) (Counts, error) {
	path, port, err := sippIn(dir)
	if err != nil {
		return Counts{}, err
	}
	text := strings.NewReplacer("$INVITE", callerInvite, "$SDP", callerSDP).Replace(callerScenario)
	text = strings.NewReplacer("$NUMBER", number, "$DOMAIN", a.Domain, "$USER", a.User, "$PASSWORD", a.Password).Replace(text)
	file := filepath.Join(dir, "caller.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return Counts{}, fmt.Errorf("configuring sipp: %w", err)
	}
	p, err := process.Run(ctx, process.Command{Path: path, Dir: dir, Env: []string{"TERM=dumb"}, Args: []string{
		"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin", "-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate),
		"-trace_err", "-auth_uri", number + "@" + a.Domain, process.Loopback(a.Port)}})
	if p == nil {
		return Counts{}, err
	}
	return counted(p), err
}

// Addr is where a callee listens.
func (s *SIPP) Addr() string { return process.Loopback(s.Port) }

// Transcript is what it said last.
func (s *SIPP) Transcript() string { return s.program.Out.Tail(60) }
