package process

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"

	"golang.org/x/sys/unix"
)

// A process that may open few files takes fewer connections than configured and
// keeps some for the administrator; the log says so.
func TestConnectionsWithinTheProcessesLimit(t *testing.T) {
	cfg := config.Default()
	cfg.Telephony.Calls = 100
	for _, c := range []struct {
		files     uint64
		most, few int
	}{{1024, 700, 1}, {4096, 3500, 2500}, {1 << 20, 1 << 20, 1 << 19}} {
		if got := spare(c.files, &cfg); got > c.most || got < c.few {
			t.Errorf("of %d files %d for connections", c.files, got)
		}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	cfg.Limits.Connections = int(min(limit.Cur, 1<<30)) + 1
	if got := Connections(&cfg, log); got >= cfg.Limits.Connections || !strings.Contains(out.String(), "LimitNOFILE") {
		t.Errorf("%d connections; log: %s", got, out.String())
	}
	out.Reset()
	cfg.Limits.Connections, cfg.Telephony.Calls = 10, 1
	if got := Connections(&cfg, log); got != 10 || out.Len() > 0 {
		t.Errorf("%d connections; log: %s", got, out.String())
	}
}
