package peers

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"tandem/interop/phones"
	"tandem/interop/process"
)

// Media is our media relay as a process of its own, driven over the ng
// protocol by whoever knows its port.
type Media struct {
	Port    int
	process *process.Program
}

// StartMedia starts the relay of the binary bin and waits until it answers.
func StartMedia(ctx context.Context, bin, dir string) (*Media, error) {
	p, err := process.Port()
	if err != nil {
		return nil, err
	}
	return startMedia(ctx, p, process.Command{Path: bin, Dir: dir, Args: []string{
		"media", "serve", "--ng", process.Loopback(p), "--interface", "127.0.0.1", "--ports", "32100-32699"}})
}

func startMedia(ctx context.Context, port int, c process.Command) (*Media, error) {
	process, err := process.Start(c)
	if err != nil {
		return nil, err
	}
	m := &Media{Port: port, process: process}
	for m.ping() != nil {
		select {
		case <-process.Done():
			return nil, fmt.Errorf("the media relay ended: %w\n%s", process.Err(), process.Out.Tail(20))
		case <-ctx.Done():
			process.Kill()
			return nil, fmt.Errorf("the media relay does not answer: %w\n%s", ctx.Err(), process.Out.Tail(20))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return m, nil
}

// ping asks whether it is there, in the words of the protocol.
func (m *Media) ping() error {
	conn, err := net.Dial("udp", process.Loopback(m.Port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "0_1 d7:command4:pinge"); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return err
	}
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err == nil && !strings.Contains(string(b[:n]), "4:pong") {
		err = fmt.Errorf("it says %q", b[:n])
	}
	return err
}

// Log is what it logged.
func (m *Media) Log() *process.Transcript { return &m.process.Out }

// Close ends it. The error tells of a crash, a data race or an error in its log.
func (m *Media) Close() error {
	select {
	case <-m.process.Done():
		return fmt.Errorf("the media relay had ended by itself: %v\n%s", m.process.Err(), m.process.Out.Tail(60))
	default:
	}
	_ = m.process.Close()
	if n := m.process.Out.Count(disaster); n > 0 {
		return fmt.Errorf("the media relay complained %d times\n%s", n, m.process.Out.Tail(200))
	}
	return nil
}

// Leg is how one side of calls through a relay is to be spoken to.
type Leg struct {
	Codec phones.Codec
	SDES  bool
}

// flags are those of the ng protocol for this side's description.
func (l Leg) flags(offer bool) string {
	f := "replace-origin replace-session-connection ICE=remove transport-protocol=RTP/AVP"
	if l.SDES {
		f = strings.Replace(f, "RTP/AVP", "RTP/SAVP", 1)
	}
	if offer {
		f += " codec-mask=all codec-transcode=" + string(l.Codec)
	}
	return f
}

// relayConfig is a registrar and proxy that leads all media through a relay.
// What the callee is offered and the caller answered is set by $OFFER and
// $ANSWER.
const relayConfig = basics + `children=2
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:$NG")
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { rtpengine_delete(); if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (is_method("BYE")) rtpengine_delete();
		if (loose_route()) {
			if ($rd == "kamailio.test") lookup("location"); # a contact that is a GRUU
			t_relay(); exit;
		}
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	if (is_method("REGISTER")) { if (!save("location")) sl_reply_error(); exit; }
	if (is_method("INVITE")) record_route();
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	if (is_method("INVITE")) {
		if (!rtpengine_offer("$OFFER")) { sl_send_reply("488", "Media Refused"); exit; }
		t_on_reply("MEDIA");
	}
	t_relay();
}
onreply_route[MEDIA] {
	if (has_body("application/sdp")) rtpengine_answer("$ANSWER");
}
`

// StartRelayed starts a Kamailio below dir whose calls' media goes through the
// relay at ng, with the caller and the callee spoken to as said.
func StartRelayed(ctx context.Context, dir string, ng int, caller, callee Leg) (*Kamailio, error) {
	return startKamailio(ctx, dir, strings.NewReplacer("$NG", fmt.Sprint(ng), "$OFFER", callee.flags(true), "$ANSWER", caller.flags(false)).Replace(relayConfig))
}
