package command

import (
	"io"
	"log/slog"
	"strings"

	"tandem/cmd/tandem/server"
)

// NewLogger writes to w as the configuration says; level is set by it and may be
// changed while the server runs.
func NewLogger(cfg server.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(cfg.Level)) == nil {
		level.Set(l)
	}
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: shorten}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}

// maxLogged bounds one value in the log: a peer chooses Call-IDs and URIs, and
// a line for each of its messages must not fill the disk.
const maxLogged = 512

func shorten(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString && len(a.Value.String()) > maxLogged {
		a.Value = slog.StringValue(strings.ToValidUTF8(a.Value.String()[:maxLogged], "") + "…")
	}
	return a
}
