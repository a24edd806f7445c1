package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A user who registers a detour gets nobody's calls through the gateway, nor back
// into the server as from one of its own addresses, which here needs no
// credentials: not by Path, not by a Contact, under whatever spelling.
func TestBindingIsNoDetour(t *testing.T) {
	const number = "+19005550100"
	for _, foreign := range []bool{false, true} {
		inTime(t, func(w *world) {
			gateway := w.phone()
			w.cfg.Auth.AllowForeign = foreign
			w.stop()
			w.open()
			w.trunk("pstn", gateway)
			gateway.attach()
			us := w.cfg.Listen[0].Addr
			_, port, _ := strings.Cut(us, ":")
			mallory, alice, stranger := w.phone(), w.phone(), w.phoneAt(3)
			for n, c := range [][2]string{ // Contact and Path
				{"sip:" + number + "@" + gateway.addr.String(), ""},
				{"sip:" + number + "@127.0.0.1", "<sip:" + gateway.addr.String() + ";lr>"},
				{"sip:" + number + "@time.test", "<sip:" + gateway.addr.String() + ";lr>"},
				{"sip:" + number + "@127.0.0.1", fmt.Sprintf("<sip:gateway.test:%d;lr;maddr=%s>", gateway.addr.Port(), gateway.addr.Addr())},
				{"sip:" + number + "@time.test", "<sip:" + us + ";lr>"},
				{"sip:" + number + "@" + us, "<sip:x@127.0.0.1:" + port + ";lr>"},
				{"sip:" + number + "@time.test", "<sip:0.0.0.0:" + port + ";lr>"},
				{"sip:" + number + "@time.test", "<sip:[::ffff:127.0.0.1]:" + port + ";lr>"},
				{"sip:" + number + "@time.test", "<sip:localhost:" + port + ";lr>"},
				{"sip:" + number + "@" + us, ""},
			} {
				head := []string{fmt.Sprintf("Contact: <%s>;expires=3600", c[0]), "Supported: path"}
				if c[1] != "" {
					head = append(head, "Path: "+c[1])
				}
				mallory.request("REGISTER", "bob", "bob", head...)
				if got := mallory.heard(); len(got) != 1 || got[0] != "200" {
					t.Fatalf("REGISTER: %q", got)
				}
				for _, caller := range []*phone{alice, stranger} {
					from := "alice"
					if caller == stranger {
						from = "x@else.test>;with=<sip:x" // of another domain
					}
					caller.request("INVITE", from, "bob", "Contact: <sip:x@"+caller.addr.String()+">")
					w.pass(time.Minute, caller, mallory, gateway)
					if got := gateway.heard(); len(got) != 0 {
						t.Errorf("%d: the gateway hears %q", n, got)
					}
					gateway.got = nil
				}
				if got := alice.heard(); len(got) == 0 || slices.Contains(got, "200") {
					t.Errorf("%d: the caller is told %q", n, got)
				}
				mallory.request("REGISTER", "bob", "bob", "Contact: *", "Expires: 0")
				w.pass(time.Minute, mallory, alice, stranger)
				mallory.got, alice.got, stranger.got = nil, nil, nil
			}
		})
	}
}
