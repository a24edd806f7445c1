package phones

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"tandem/interop/process"
)

// Linphone is a running linphonec with one account, driven by its standard
// input and understood by its log.
type Linphone struct {
	dir     string
	program *process.Program
	mark    int
	seen    int // what it printed of presence before belongs to earlier steps

	recording
	called int // what it printed before is of earlier calls
}

var _ Phone = (*Linphone)(nil)

// maxCalls is how many it has at the same time at most.
const maxCalls = 4

// StartLinphone starts one below dir. It says the file say in calls.
func StartLinphone(_ context.Context, dir string, a Account, say string) (*Linphone, error) {
	path, err := process.Find("linphonec")
	if err != nil {
		return nil, err
	}
	l := &Linphone{dir: dir}
	if err := l.write(a); err != nil {
		return nil, fmt.Errorf("configuring linphonec: %w", err)
	}
	// Its home must be a place of its own: there it keeps its database, without
	// which it does not even open its sockets.
	l.program, err = process.Start(process.Command{Path: path, Args: []string{"-c", filepath.Join(dir, "rc"), "-d", "6", "-l", "/dev/fd/3"},
		Dir: dir, Env: []string{"HOME=" + dir, "XDG_DATA_HOME=", "XDG_CONFIG_HOME="}, Apart: true})
	if err != nil {
		return nil, err
	}
	// The files must be named before a call comes: it crashes over them later.
	for _, line := range []string{"soundcard use files", "play " + say, "record " + l.recorded()} {
		if err := l.program.Say(line); err != nil {
			l.program.Kill()
			return nil, err
		}
	}
	return l, nil
}

func (l *Linphone) write(a Account) error {
	for _, d := range []string{".local/share/linphone", ".config/linphone"} {
		if err := os.MkdirAll(filepath.Join(l.dir, d), 0o700); err != nil {
			return err
		}
	}
	// A call takes the ports above those of the one before it, also when another
	// program has them: its sound then comes here.
	media, err := process.RTPPorts(maxCalls)
	if err != nil {
		return err
	}
	proxy := "<" + URI(a.Port, a.Proto) + ">"
	if a.Proto == TLS {
		// Its TLS library does not match addresses in certificates, names only.
		proxy = strings.Replace(proxy, "127.0.0.1", "localhost", 1)
	}
	rc := []string{
		"[sip]",
		// -1 is a random port; 0 would switch the transport off.
		"sip_port=-1", "sip_tcp_port=-1", "sip_tls_port=-1",
		"default_proxy=0", "guess_hostname=1", "use_ipv6=0", "media_encryption=" + encryption(a), "media_encryption_mandatory=" + map[bool]string{false: "0", true: "1"}[a.SDES],
		"register_only_when_network_is_up=0",
		"root_ca=" + a.CA, "verify_server_certs=1", "verify_server_cn=1",
		"[net]", "mtu=1300",
		"[rtp]", fmt.Sprintf("audio_rtp_port=%d", media),
		"[video]", "display=0", "capture=0",
		"[proxy_0]", "reg_proxy=" + proxy,
		// Without it calls would go where DNS says, past the server.
		"reg_route=" + strings.Replace(proxy, ">", ";lr>", 1),
		"reg_identity=" + a.AOR(), "reg_expires=60", "reg_sendregister=1", "publish=" + map[bool]string{false: "0", true: "1"}[a.Publishes],
		"[auth_info_0]", "username=" + a.User, "passwd=" + a.Password, "realm=" + a.Domain, "",
	}
	if a.CPIM { // both: its settings of an account are not asked before it has registered
		rc = append(rc, "[proxy_default_values]", "cpim_in_basic_chat_rooms_enabled=1", "[proxy]", "cpim_in_basic_chat_rooms_enabled=1", "")
	}
	if a.Watches != "" {
		rc = append(rc, "[friend_0]", "url=\"friend\" <"+a.Watches+">", "pol=accept", "subscribe=1", "")
	}
	return os.WriteFile(filepath.Join(l.dir, "rc"), []byte(strings.Join(append(rc, linphoneCodecs(a)...), "\n")), 0o600)
}

func encryption(a Account) string {
	if a.SDES {
		return "srtp"
	}
	return "none"
}

// linphoneCodecs switches all codecs off but the account's. Without one it
// speaks what it likes.
func linphoneCodecs(a Account) []string {
	if a.Codec == "" {
		return nil
	}
	var rc []string
	for i, c := range []struct {
		name           string
		rate, channels int
	}{{"opus", 48000, 2}, {"speex", 16000, 1}, {"speex", 8000, 1}, {"PCMU", 8000, 1}, {"PCMA", 8000, 1}, {"G722", 8000, 1}, {"GSM", 8000, 1}, {"speex", 32000, 1}, {"BV16", 8000, 1}, {"L16", 44100, 2}, {"L16", 44100, 1}, {"iLBC", 8000, 1}} {
		on := 0
		if c.name == string(a.Codec) {
			on = 1
		}
		rc = append(rc, fmt.Sprintf("[audio_codec_%d]", i), "mime="+c.name, fmt.Sprintf("rate=%d", c.rate), fmt.Sprintf("channels=%d", c.channels), fmt.Sprintf("enabled=%d", on))
	}
	return append(rc, "")
}

// state waits for a call to enter one of the states (a regular expression).
func (l *Linphone) state(ctx context.Context, states string) (string, error) {
	return l.log(ctx, `CallSession \[\w+\] moving from state \w+ to LinphoneCall(`+states+`)$`)
}

func (l *Linphone) log(ctx context.Context, re string) (string, error) {
	m, next, err := l.program.Log.Wait(ctx, l.mark, regexp.MustCompile(re))
	if err != nil {
		return "", fmt.Errorf("linphonec: %w\n%s", err, l.Transcript())
	}
	l.mark = next
	return m[1], nil
}

// Registered implements Phone.
func (l *Linphone) Registered(ctx context.Context) error {
	m, _, err := l.program.Log.Wait(ctx, 0, regexp.MustCompile(`Account .* moving from state \[LinphoneRegistrationProgress\] to \[LinphoneRegistration(\w+)\]`))
	if err == nil && m[1] != "Ok" {
		err = fmt.Errorf("registration: %s", m[1])
	}
	if err != nil {
		return fmt.Errorf("linphonec: %w\n%s", err, l.Transcript())
	}
	return nil
}

func (l *Linphone) recorded() string { return filepath.Join(l.dir, "heard.wav") }

// Dial implements Phone.
func (l *Linphone) Dial(uri string) error {
	return l.program.Say("call " + uri)
}

// Incoming implements Phone.
func (l *Linphone) Incoming(ctx context.Context) error {
	_, err := l.state(ctx, "IncomingReceived")
	return err
}

// Ringing implements Phone.
func (l *Linphone) Ringing(ctx context.Context) error {
	_, err := l.state(ctx, "OutgoingRinging|OutgoingEarlyMedia")
	return err
}

// Answer implements Phone.
func (l *Linphone) Answer() error {
	return l.program.Say("answer")
}

// Established implements Phone.
func (l *Linphone) Established(ctx context.Context) error {
	_, err := l.state(ctx, "StreamsRunning")
	return err
}

// Hangup implements Phone.
func (l *Linphone) Hangup() error { return l.program.Say("terminate") }

var linphoneEnd = regexp.MustCompile(`Call \d+ .*\b(ended|error)\b.*`)

// Ended implements Phone.
func (l *Linphone) Ended(ctx context.Context) (string, error) {
	if _, err := l.state(ctx, "Released"); err != nil {
		return "", err
	}
	m, _, err := l.program.Out.Wait(ctx, 0, linphoneEnd)
	if err != nil {
		return "", fmt.Errorf("linphonec: %w", err)
	}
	return m[0], nil
}

// Hold puts the call on hold.
func (l *Linphone) Hold(ctx context.Context) error {
	if err := l.program.Say("pause"); err != nil {
		return err
	}
	_, err := l.state(ctx, "Paused")
	return err
}

// Resume goes on with a call that is on hold, by the number linphonec gave it.
func (l *Linphone) Resume(ctx context.Context, call int) error {
	if err := l.program.Say(fmt.Sprint("resume ", call)); err != nil {
		return err
	}
	return l.Established(ctx)
}

// Transfer sends the other party of the current call to an address.
func (l *Linphone) Transfer(uri string) error { return l.program.Say("transfer " + uri) }

// Join joins the other parties of two calls, and leaves both.
func (l *Linphone) Join(first, second int) error {
	return l.program.Say(fmt.Sprintf("transfer %d --to-call %d", first, second))
}

// begin implements ear.
func (l *Linphone) begin() {
	l.pattern = l.recorded()
	l.next()
	l.called = l.program.Out.Len()
}

var (
	linphoneKey  = regexp.MustCompile(`Receiving tone (.) from`)
	linphoneCall = regexp.MustCompile(`Call (\d+) `)
)

// pressed are the keys of the other side in the call.
func (l *Linphone) pressed() string { return captures(l.program.Out.Since(l.called), linphoneKey) }

// number is the one it has given the call, 1 as long as it has told none.
func (l *Linphone) number() int {
	for _, line := range l.program.Out.Since(l.called) {
		if m := linphoneCall.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n
		}
	}
	return 1
}

// Held waits until it shows that it is on hold, or taken back.
func (l *Linphone) Held(ctx context.Context, on bool) error {
	states := "StreamsRunning"
	if on {
		states = "PausedByRemote"
	}
	_, err := l.state(ctx, states)
	return err
}

// Press sends keys in the call, one by one.
func (l *Linphone) Press(keys string) error {
	for _, key := range keys {
		if err := l.program.Say(string(key)); err != nil {
			return err
		}
	}
	return nil
}

// Heard implements Phone.
func (l *Linphone) Heard() (Heard, error) { return Listen(l.recorded()) }

// Message implements Phone.
func (l *Linphone) Message(uri, text string) error { return l.program.Say("chat " + uri + " " + text) }

// Messaged implements Phone.
func (l *Linphone) Messaged(ctx context.Context) (string, error) {
	m, _, err := l.program.Out.Wait(ctx, 0, regexp.MustCompile(`Message received from [^:]*:[^:]*: (.*)$`))
	if err != nil {
		return "", fmt.Errorf("linphonec: %w\n%s", err, l.Transcript())
	}
	return m[1], nil
}

// Sees waits until it shows the one it watches in a state: Online, Offline, Busy,
// Away or "On the phone".
func (l *Linphone) Sees(ctx context.Context, state string) error {
	_, next, err := l.program.Out.Wait(ctx, l.seen, regexp.MustCompile(`(?i)Friend .* is (`+state+`)`))
	if err != nil {
		l.seen = l.program.Out.Len()
		return fmt.Errorf("linphonec: %w\n%s", err, l.Transcript())
	}
	l.seen = next
	return nil
}

var linphoneView = regexp.MustCompile(`(?i)Friend .* is (.*)$`)

// View is what it showed last of the one it watches, "" when it has shown nothing.
func (l *Linphone) View() string { return lastOf(&l.program.Out, linphoneView) }

// Kill ends it without a word.
func (l *Linphone) Kill() { l.program.Kill() }

// Transcript implements Phone.
func (l *Linphone) Transcript() string {
	return "linphonec's output:\n" + l.program.Out.Tail(30) + "\nits log:\n" + l.program.Log.Tail(60)
}

// Close implements Phone. It unregisters on the way.
func (l *Linphone) Close() error {
	if err := l.program.Say("quit"); err != nil {
		return l.program.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), process.Patience)
	defer cancel()
	if err := l.program.Wait(ctx); err != nil {
		l.program.Kill()
	}
	return nil
}
