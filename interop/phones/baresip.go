package phones

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/interop/process"
)

// Baresip is a running baresip with one account, driven by its control port.
type Baresip struct {
	dir     string
	program *process.Program
	conn    net.Conn
	events  process.Transcript // "TYPE parameter", a line each
	mark    int                // events before belong to earlier steps
	seen    int                // the same of what it printed of presence

	recording
	called int // events before are of earlier calls
}

var _ Phone = (*Baresip)(nil)

// baresipModules are where Debian puts them.
var baresipModules = []string{"/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"}

// StartBaresip starts one below dir. It says the file say (16-bit WAV, 8000 Hz)
// in calls.
func StartBaresip(ctx context.Context, dir string, a Account, say string) (*Baresip, error) {
	path, err := process.Find("baresip")
	if err != nil {
		return nil, err
	}
	control, err := process.Port()
	if err != nil {
		return nil, err
	}
	b := &Baresip{dir: dir}
	if err := b.write(a, say, control); err != nil {
		return nil, fmt.Errorf("configuring baresip: %w", err)
	}
	if b.program, err = process.Start(process.Command{Path: path, Args: []string{"-f", dir}, Dir: dir}); err != nil {
		return nil, err
	}
	if err := b.connect(ctx, control); err != nil {
		b.program.Kill()
		return nil, fmt.Errorf("%w\n%s", err, b.program.Out.Tail(20))
	}
	return b, nil
}

func (b *Baresip) write(a Account, say string, control int) error {
	modules := ""
	for _, dir := range baresipModules {
		if _, err := os.Stat(filepath.Join(dir, "ctrl_tcp.so")); err == nil {
			modules = dir
		}
	}
	if modules == "" {
		return errors.New("its modules are not there; run: make peers")
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	config := strings.Join([]string{
		"poll_method epoll",
		fmt.Sprintf("sip_listen %s:%d", cmp.Or(a.From, "127.0.0.1"), a.Listen),
		"sip_cafile " + a.CA,
		"sip_verify_server yes",
		"net_interface 127.0.0.1",
		"rtp_ports 9000-9999", // below what others are given
		"snd_path " + b.dir,
		"audio_source aufile," + say,
		"ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1",
		"module_path " + modules,
		"module g711.so", "module g722.so", "module opus.so", "module srtp.so", "module aufile.so", "module sndfile.so",
		"module stdio.so", // shows texts that come
		"module_tmp uuid.so", "module_tmp account.so",
		"module_app contact.so",
		"module_app menu.so",
		"module_app ctrl_tcp.so",
		"ctrl_tcp_listen " + process.Loopback(control), "",
	}, "\n")
	if a.CA == "" {
		config = strings.Replace(config, "sip_cafile \n", "", 1)
	}
	interval := 60
	if a.Listen != 0 {
		interval = 0
	}
	account := fmt.Sprintf("<%s;transport=%s>;regint=%d;outbound=%q", a.AOR(), a.Proto, interval, URI(a.Port, a.Proto))
	if a.Password != "" {
		account += fmt.Sprintf(";auth_user=%s;auth_pass=%s", a.User, a.Password)
	}
	account += baresipMedia(a)
	if a.Publishes {
		account += ";pubint=60"
	}
	contact := fmt.Sprintf("\"friend\" <%s>\n", cmp.Or(a.Watches, a.Friend, a.AOR()))
	if a.Watches != "" {
		contact = strings.TrimSuffix(contact, "\n") + ";presence=p2p\n"
	}
	if a.Publishes || a.Watches != "" {
		config = strings.Replace(config, "module_app menu.so", "module_app presence.so\nmodule_app menu.so", 1)
	}
	for name, text := range map[string]string{"config": config, "accounts": account + "\n", "contacts": contact} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// baresipMedia is what an account says of codecs and keys. Without a codec it
// speaks G.711.
func baresipMedia(a Account) string {
	codecs := map[Codec]string{"": "PCMU,PCMA", PCMU: "PCMU", PCMA: "PCMA", G722: "G722", Opus: "opus/48000/2"}
	s := ";audio_codecs=" + codecs[a.Codec]
	if a.SDES {
		s += ";mediaenc=srtp-mand"
	}
	return s
}

func (b *Baresip) connect(ctx context.Context, port int) error {
	if _, _, err := b.program.Out.Wait(ctx, 0, regexp.MustCompile(`baresip is ready`)); err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", process.Loopback(port))
	if err != nil {
		return fmt.Errorf("reaching baresip's control port: %w", err)
	}
	b.conn = conn
	go b.read()
	return nil
}

// read takes the netstrings baresip sends: events and answers to commands.
func (b *Baresip) read() {
	defer b.events.End()
	r := bufio.NewReader(b.conn)
	for {
		length, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		text := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		var m struct {
			Event    bool
			Response bool
			Type     string
			Param    string
			OK       bool
			Data     string
		}
		if err := json.Unmarshal(text[:n], &m); err != nil {
			fmt.Fprintf(&b.events, "UNREADABLE %q\n", text)
			continue
		}
		if m.Event {
			fmt.Fprintf(&b.events, "%s %s\n", m.Type, oneLine(m.Param))
		} else {
			fmt.Fprintf(&b.events, "ANSWER %v %s\n", m.OK, oneLine(m.Data))
		}
	}
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(string(bytes.ToValidUTF8([]byte(s), []byte("?")))), " ")
}

func (b *Baresip) command(name, params string) error {
	m, err := json.Marshal(map[string]string{"command": name, "params": params})
	if err != nil {
		return err
	}
	if err := b.conn.SetWriteDeadline(time.Now().Add(process.Patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(b.conn, "%d:%s,", len(m), m); err != nil {
		return fmt.Errorf("telling baresip %s: %w", name, err)
	}
	return nil
}

// event waits for an event after those waited for before.
func (b *Baresip) event(ctx context.Context, kind string) (param string, err error) {
	m, next, err := b.events.Wait(ctx, b.mark, regexp.MustCompile(`^`+kind+` ?(.*)$`))
	if err != nil {
		return "", fmt.Errorf("baresip: %w\n%s", err, b.Transcript())
	}
	b.mark = next
	return m[1], nil
}

// Registered implements Phone. The event may have come before we listened.
func (b *Baresip) Registered(ctx context.Context) error {
	m, _, err := b.program.Out.Wait(ctx, 0, regexp.MustCompile(`\} (\d+) .*\[\d+ binding|reg: .*`))
	if err == nil && m[1] != "200" {
		err = fmt.Errorf("registration failed: %s", m[0])
	}
	if err != nil {
		return fmt.Errorf("baresip: %w\n%s", err, b.Transcript())
	}
	return nil
}

// Dial implements Phone.
func (b *Baresip) Dial(uri string) error { return b.command("dial", uri) }

// Incoming implements Phone.
func (b *Baresip) Incoming(ctx context.Context) error {
	_, err := b.event(ctx, "CALL_INCOMING")
	return err
}

// Ringing implements Phone.
func (b *Baresip) Ringing(ctx context.Context) error {
	_, err := b.event(ctx, "CALL_RINGING")
	return err
}

// Answer implements Phone.
func (b *Baresip) Answer() error { return b.command("accept", "") }

// Established implements Phone.
func (b *Baresip) Established(ctx context.Context) error {
	_, err := b.event(ctx, "CALL_ESTABLISHED")
	return err
}

// Hangup implements Phone.
func (b *Baresip) Hangup() error { return b.command("hangup", "") }

// Ended implements Phone.
func (b *Baresip) Ended(ctx context.Context) (string, error) { return b.event(ctx, "CALL_CLOSED") }

// Heard implements Phone. Its module sndfile writes two files a call, named by
// the time: -enc is what it said, -dec what it heard.
func (b *Baresip) Heard() (Heard, error) {
	files, err := filepath.Glob(filepath.Join(b.dir, "*dec*.wav"))
	if err != nil || len(files) == 0 {
		return Heard{}, fmt.Errorf("baresip recorded nothing (%v)\n%s", err, b.Transcript())
	}
	slices.Sort(files)
	return Listen(files[len(files)-1])
}

// Transfer sends the other party of the call to an address.
func (b *Baresip) Transfer(uri string) error { return b.command("transfer", uri) }

// Press sends keys in the call.
func (b *Baresip) Press(keys string) error { return b.command("sndcode", keys) }

// Pressed waits for a key that the other side presses.
func (b *Baresip) Pressed(ctx context.Context) (key string, err error) {
	return b.event(ctx, "CALL_DTMF_START")
}

var baresipOffer = regexp.MustCompile(`^(CALL_REMOTE_SDP) offer`)

// deaf reports whether an offer has come within the call: baresip 1.0.0 records nothing
// more after one that put it on hold.
func (b *Baresip) deaf() bool {
	events := b.events.Since(b.called)
	i := slices.IndexFunc(events, func(e string) bool { return strings.HasPrefix(e, "CALL_ESTABLISHED") })
	return i >= 0 && captures(events[i:], baresipOffer) != ""
}

// begin implements ear.
func (b *Baresip) begin() {
	b.pattern = filepath.Join(b.dir, "*dec*.wav")
	b.next()
	b.called = b.events.Len()
}

var baresipKey = regexp.MustCompile(`^CALL_DTMF_START (.)`)

// pressed are the keys of the other side in the call.
func (b *Baresip) pressed() string { return captures(b.events.Since(b.called), baresipKey) }

// Message implements Phone. It sends to the account's Friend, whoever uri is.
func (b *Baresip) Message(_, text string) error { return b.command("message", text) }

// Messaged implements Phone.
func (b *Baresip) Messaged(ctx context.Context) (string, error) {
	m, _, err := b.program.Out.Wait(ctx, 0, regexp.MustCompile(`: "(.*)"$`))
	if err != nil {
		return "", fmt.Errorf("baresip: %w\n%s", err, b.Transcript())
	}
	return m[1], nil
}

// Sees waits until it shows the one it watches in a state: Online, Offline or Busy.
func (b *Baresip) Sees(ctx context.Context, state string) error {
	_, next, err := b.program.Out.Wait(ctx, b.seen, regexp.MustCompile(`changed status from .* to .*(`+state+`)`))
	if err != nil {
		b.seen = b.program.Out.Len()
		return fmt.Errorf("baresip: %w\n%s", err, b.Transcript())
	}
	b.seen = next
	return nil
}

var baresipView = regexp.MustCompile(`changed status from .* to (.*)$`)

// View is what it showed last of the one it watches, "" when it has shown nothing.
func (b *Baresip) View() string { return lastOf(&b.program.Out, baresipView) }

// Present has it publish that it is online, or offline while it stays registered.
func (b *Baresip) Present(online bool) error {
	if online {
		return b.command("presence_online", "")
	}
	return b.command("presence_offline", "")
}

// Kill ends it without a word.
func (b *Baresip) Kill() { b.program.Kill() }

// Transcript implements Phone.
func (b *Baresip) Transcript() string {
	return "baresip's events:\n" + b.events.Tail(30) + "\nits output:\n" + b.program.Out.Tail(30)
}

// Close implements Phone. It unregisters on the way.
func (b *Baresip) Close() error {
	if b.conn != nil {
		defer b.conn.Close()
		if b.command("quit", "") == nil {
			ctx, cancel := context.WithTimeout(context.Background(), process.Patience)
			defer cancel()
			if b.program.Wait(ctx) == nil {
				return nil
			}
		}
	}
	return b.program.Close()
}
