package process

import (
	"log/slog"
	"runtime"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/web"

	"golang.org/x/sys/unix"
)

// reserved descriptors are for the control socket, health checks, the database
// and what programs need besides.
const reserved = 256

// perCall is how many media ports a call takes: RTP and RTCP on both sides.
const perCall = 4

// Connections is how many stream connections there may be: as many as configured,
// or fewer when the process may not open that many descriptors. What is left then
// is kept for everything else, so that neither a flood of connections nor a
// busy hour locks the administrator out.
func Connections(cfg *config.Config, log *slog.Logger) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return cfg.Limits.Connections
	}
	left := spare(limit.Cur, cfg)
	if left >= cfg.Limits.Connections {
		return cfg.Limits.Connections
	}
	log.Warn("the limits of the configuration exceed those of the process: fewer connections are accepted; raise LimitNOFILE in the unit (ulimit -n), or lower limits.connections and telephony.calls",
		"open_files", limit.Cur, "limits.connections", cfg.Limits.Connections, "telephony.calls", cfg.Telephony.Calls, "connections", left)
	return left
}

// spare is how many of a process's descriptors are left for connections.
func spare(files uint64, cfg *config.Config) int {
	need := reserved + len(cfg.Listen)*runtime.GOMAXPROCS(0) + web.MaxHealth + perCall*cfg.Telephony.Calls
	if cfg.API.Addr != "" {
		need += web.MaxAPI
	}
	left := int64(min(files, 1<<31)) - int64(need)
	return int(max(left, int64(files/4), 1)) // calls seldom need all at once
}
