package peers

import (
	"context"
	"fmt"
	"strings"

	"tandem/interop/process"
)

// Balancer is a Kamailio that sends all calls on to one gateway, and answers OPTIONS
// itself.
type Balancer struct {
	Kamailio
	dir, config string
}

const balancerConfig = `#!KAMAILIO
debug=2
log_stderror=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:$PORT
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	if (is_method("INVITE")) record_route();
	$du = "sip:127.0.0.1:$NEXT;transport=udp";
	t_relay();
}
`

// StartBalancer starts one below dir before a gateway's UDP port.
func StartBalancer(ctx context.Context, dir string, gateway int) (*Balancer, error) {
	return onFreePort(func() (*Balancer, error) { return startBalancer(ctx, dir, gateway) })
}

func startBalancer(ctx context.Context, dir string, gateway int) (*Balancer, error) {
	port, err := process.Port()
	if err != nil {
		return nil, err
	}
	b := &Balancer{dir: dir, config: strings.NewReplacer("$NEXT", fmt.Sprint(gateway), "$PORT", fmt.Sprint(port)).Replace(balancerConfig)}
	b.Port = port
	return b, b.Restart(ctx)
}

// Restart starts it, at first or after Kill.
func (b *Balancer) Restart(ctx context.Context) error {
	return b.launch(ctx, b.dir, b.config)
}

// Kill ends it as a crash would.
func (b *Balancer) Kill() { b.program.Kill() }
