package events

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A user is deleted, and another gets the name: what was kept for the first one does
// not come to the second, also when no server runs meanwhile, or it is killed at once.
func TestMessagesOfWhoIsGone(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "")
	stop := func() { p.Signal(syscall.SIGTERM); p.Wait(harness.Patience) }
	kill := func() { p.Signal(syscall.SIGKILL); p.Wait(harness.Patience) }
	for name, gone := range map[string]func(){
		"while no server runs": func() { stop(); p.Run("users", "delete", "u7"); p.Run("users", "add", "u7"); p.Start() },
		"and killed":           func() { p.Run("users", "delete", "u7"); kill(); p.Run("users", "add", "u7"); p.Start() },
	} {
		p.Run("messages", "send", "u1", "u7", "for the first one")
		if out := p.Run("messages", "queue", "u7"); !strings.Contains(out, "sip:u1@") {
			t.Fatalf("%s: nothing waits\n%s", name, out)
		}
		gone()
		if out := p.Run("messages", "queue", "u7"); strings.Contains(out, "sip:u1@") {
			t.Errorf("%s: for the second one waits\n%s", name, out)
		}
		second := harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted))
		second.Register("u7")
		m, err := second.Next(time.Second, func(m *sip.Message) bool { return m.Method() == sip.MESSAGE })
		if err == nil {
			t.Errorf("%s: the second one gets %q", name, m.Body())
		}
		second.Close()
	}
}
