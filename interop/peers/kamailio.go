package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tandem/interop/phones"
	"tandem/interop/process"
)

// KamailioDomain is the domain a Kamailio here serves.
const KamailioDomain = "kamailio.test"

// Kamailio is a running Kamailio: registrar and proxy of KamailioDomain that asks
// nobody for a password and sends calls for Domain to the server.
type Kamailio struct {
	Port    int
	program *process.Program
}

// basics is how each configuration here begins: UDP and TCP with one worker each, and
// bindings in memory. $PORT is replaced.
const basics = `#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
alias="kamailio.test"
listen=udp:127.0.0.1:$PORT
listen=tcp:127.0.0.1:$PORT
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("usrloc", "db_mode", 0)
`

// kamailioConfig is as small as such a proxy gets. $NEXT is replaced.
const kamailioConfig = basics + `request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	if (is_method("INVITE")) record_route();
	if (is_method("REGISTER")) { if (!save("location")) sl_reply_error(); exit; }
	loose_route();
	if ($rd == "peers.test") { $du = "sip:127.0.0.1:$NEXT;transport=udp"; t_relay(); exit; }
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
`

// StartKamailio starts one below dir that knows the server at UDP port next.
func StartKamailio(ctx context.Context, dir string, next int) (*Kamailio, error) {
	return startKamailio(ctx, dir, strings.ReplaceAll(kamailioConfig, "$NEXT", fmt.Sprint(next)))
}

// startKamailio starts one with that configuration.
func startKamailio(ctx context.Context, dir, config string) (*Kamailio, error) {
	return onFreePort(func() (*Kamailio, error) { return tryKamailio(ctx, dir, config) })
}

func tryKamailio(ctx context.Context, dir, config string) (*Kamailio, error) {
	port, err := process.Port()
	if err != nil {
		return nil, err
	}
	k := &Kamailio{Port: port}
	if err := k.launch(ctx, dir, strings.ReplaceAll(config, "$PORT", fmt.Sprint(port))); err != nil {
		return nil, err
	}
	return k, nil
}

// launch starts it with that configuration in dir, which it makes, and returns when it
// has its port.
func (k *Kamailio) launch(ctx context.Context, dir, config string) error {
	path, err := process.Find("kamailio")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return fmt.Errorf("configuring kamailio: %w", err)
	}
	// -DD keeps it in the foreground, as our child with its own children.
	k.program, err = process.Start(process.Command{Path: path, Dir: dir, Args: []string{"-DD", "-E", "-f", file, "-Y", dir, "-m", "32", "-M", "4"}})
	if err != nil {
		return err
	}
	if err := k.program.Listens(ctx, k.Port); err != nil {
		k.program.Kill()
		return err
	}
	return nil
}

// Account is one of its users.
func (k *Kamailio) Account(user string, proto phones.Proto) phones.Account {
	return phones.Account{User: user, Domain: KamailioDomain, Port: k.Port, Proto: proto}
}

// Transcript is what it logged.
func (k *Kamailio) Transcript() string { return k.program.Out.Tail(40) }

// Close ends it.
func (k *Kamailio) Close() error { return k.program.Close() }

// URI is how a static route names it.
func (k *Kamailio) URI() string { return phones.URI(k.Port, phones.UDP) }
