package strangers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/test/bubble"
)

// A user who registers a detour gets nobody's calls through the gateway, nor back
// into the server as from one of its own addresses, which here needs no
// credentials: not by Path, not by a Contact, under whatever spelling.
func TestBindingIsNoDetour(t *testing.T) {
	const number = "+19005550100"
	for _, foreign := range []bool{false, true} {
		bubble.Run(t, func(w *bubble.World) {
			gateway := w.Phone()
			w.Cfg.Auth.AllowForeign = foreign
			w.Stop()
			w.Open()
			w.Trunk("pstn", gateway)
			gateway.Attach()
			us := w.Cfg.Listen[0].Addr
			_, port, _ := strings.Cut(us, ":")
			mallory, alice, stranger := w.Phone(), w.Phone(), w.PhoneAt(3)
			for n, c := range [][2]string{ // Contact and Path
				{"sip:" + number + "@" + gateway.Addr.String(), ""},
				{"sip:" + number + "@127.0.0.1", "<sip:" + gateway.Addr.String() + ";lr>"},
				{"sip:" + number + "@time.test", "<sip:" + gateway.Addr.String() + ";lr>"},
				{"sip:" + number + "@127.0.0.1", fmt.Sprintf("<sip:gateway.test:%d;lr;maddr=%s>", gateway.Addr.Port(), gateway.Addr.Addr())},
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
				mallory.Request("REGISTER", "bob", "bob", head...)
				if got := mallory.Heard(); len(got) != 1 || got[0] != "200" {
					t.Fatalf("REGISTER: %q", got)
				}
				for _, caller := range []*bubble.Phone{alice, stranger} {
					from := "alice"
					if caller == stranger {
						from = "x@else.test>;with=<sip:x" // of another domain
					}
					caller.Request("INVITE", from, "bob", "Contact: <sip:x@"+caller.Addr.String()+">")
					w.Pass(time.Minute, caller, mallory, gateway)
					if got := gateway.Heard(); len(got) != 0 {
						t.Errorf("%d: the gateway hears %q", n, got)
					}
					gateway.Got = nil
				}
				if got := alice.Heard(); len(got) == 0 || slices.Contains(got, "200") {
					t.Errorf("%d: the caller is told %q", n, got)
				}
				mallory.Request("REGISTER", "bob", "bob", "Contact: *", "Expires: 0")
				w.Pass(time.Minute, mallory, alice, stranger)
				mallory.Got, alice.Got, stranger.Got = nil, nil, nil
			}
		})
	}
}
