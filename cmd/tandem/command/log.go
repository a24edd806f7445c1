package command

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"

	"tandem/cmd/tandem/config"
)

// NewLogger writes to w as the configuration says; level is set by it and may be
// changed while the server runs.
func NewLogger(cfg config.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(cfg.Level)) == nil {
		level.Set(l)
	}
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: shorten}
	if cfg.Format == "json" {
		return slog.New(late{Handler: slog.NewJSONHandler(w, opt)})
	}
	return slog.New(late{Handler: slog.NewTextHandler(w, opt)})
}

// late writes the attributes of a logger when it logs something. Each call has a logger
// of its own, and few calls have anything to say.
type late struct {
	slog.Handler
	attrs []slog.Attr
}

// WithAttrs implements slog.Handler.
func (l late) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(slices.Clip(l.attrs), attrs...)
	return l
}

// WithGroup implements slog.Handler.
func (l late) WithGroup(name string) slog.Handler {
	return late{Handler: l.Handler.WithAttrs(l.attrs).WithGroup(name)}
}

// Handle implements slog.Handler.
func (l late) Handle(ctx context.Context, r slog.Record) error {
	if len(l.attrs) == 0 {
		return l.Handler.Handle(ctx, r)
	}
	return l.Handler.WithAttrs(l.attrs).Handle(ctx, r)
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
