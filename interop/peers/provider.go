package peers

import (
	"context"
	"fmt"
	"strings"

	"tandem/interop/process"
)

// Provider is a Kamailio that plays a telephone provider: it serves
// KamailioDomain, asks its one account for a password (digest), keeps a
// registration for ten seconds at most, and sends calls for other numbers to a
// gateway.
type Provider struct {
	Kamailio
	TLSPort  int
	User     string
	Password string

	dir, config string
}

// providerConfig is what of the configuration differs from other Kamailios'. Who
// calls a number behind the account is asked for nothing, as calls from the
// telephone network are.
const providerConfig = basics + `$TLS
loadmodule "auth.so"
loadmodule "nathelper.so"
modparam("nathelper|registrar", "received_avp", "$avp(received)")
modparam("registrar", "min_expires", 2)
modparam("registrar", "max_expires", 10)
modparam("registrar", "default_expires", 10)
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if ($rU == "$USER" && lookup("location")) { t_relay(); exit; } # sipp knows no Record-Route
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("kamailio.test", "$PASSWORD", "0")) { www_challenge("kamailio.test", "1"); exit; }
		if ($au != $tU) { sl_send_reply("403", "Not Your Account"); exit; }
		fix_nated_register(); # calls go back by the connection the REGISTER came by
		if (!save("location")) sl_reply_error();
		exit;
	}
	if (is_method("INVITE")) record_route();
	loose_route();
	if ($rU == "$USER") {
		if (!lookup("location")) { sl_send_reply("480", "Not Registered"); exit; }
		t_relay();
		exit;
	}
	if (!pv_proxy_authenticate("kamailio.test", "$PASSWORD", "0")) { proxy_challenge("kamailio.test", "1"); exit; }
	consume_credentials();
	$du = "sip:127.0.0.1:$NEXT;transport=udp";
	t_relay();
}
`

// providerTLS serves TLS by a certificate in the folder named; $CERT and $KEY are
// replaced.
const providerTLS = `enable_tls=yes
listen=tls:127.0.0.1:$TLSPORT
loadmodule "tls.so"
modparam("tls", "certificate", "$CERT")
modparam("tls", "private_key", "$KEY")
modparam("tls", "tls_method", "TLSv1.2+")
`

// StartProvider starts one below dir whose calls for other numbers go to the UDP
// port of a gateway. cert and key are the PEM files of its certificate, "" for a
// provider without TLS.
func StartProvider(ctx context.Context, dir string, gateway int, cert, key string) (*Provider, error) {
	return onFreePort(func() (*Provider, error) { return startProvider(ctx, dir, gateway, cert, key) })
}

func startProvider(ctx context.Context, dir string, gateway int, cert, key string) (*Provider, error) {
	list, err := process.Ports(2)
	if err != nil {
		return nil, err
	}
	p := &Provider{TLSPort: list[1], User: "4930123450", Password: "secret of the line", dir: dir}
	secure := ""
	if cert != "" {
		secure = strings.NewReplacer("$TLSPORT", fmt.Sprint(p.TLSPort), "$CERT", cert, "$KEY", key).Replace(providerTLS)
	}
	p.config = strings.NewReplacer("$TLS", secure, "$NEXT", fmt.Sprint(gateway), "$PORT", fmt.Sprint(list[0]),
		"$USER", p.User, "$PASSWORD", p.Password).Replace(providerConfig)
	p.Port = list[0]
	return p, p.Start(ctx)
}

// Start starts it, again after Kill: it has forgotten all registrations then.
func (p *Provider) Start(ctx context.Context) error {
	return p.launch(ctx, p.dir, p.config)
}

// Kill ends it as a crash would.
func (p *Provider) Kill() { p.program.Kill() }
