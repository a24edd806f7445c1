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
	opt := &slog.HandlerOptions{Level: level}
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
	return late{Handler: l.Handler.WithAttrs(shortened(l.attrs)).WithGroup(name)}
}

// Handle implements slog.Handler. The line is put together anew: to make a handler with
// the attributes for it, or to have one that replaces some of them, costs twice as much.
func (l late) Handle(ctx context.Context, r slog.Record) error {
	whole := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for _, a := range l.attrs {
		whole.AddAttrs(shorten(a))
	}
	r.Attrs(func(a slog.Attr) bool {
		whole.AddAttrs(shorten(a))
		return true
	})
	return l.Handler.Handle(ctx, whole)
}

// maxLogged bounds one value in the log: a peer chooses Call-IDs and URIs, and
// a line for each of its messages must not fill the disk.
const maxLogged = 512

func shorten(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		if s := a.Value.String(); len(s) > maxLogged {
			a.Value = slog.StringValue(strings.ToValidUTF8(s[:maxLogged], "") + "…")
		}
	case slog.KindGroup:
		a.Value = slog.GroupValue(shortened(a.Value.Group())...)
	}
	return a
}

func shortened(attrs []slog.Attr) []slog.Attr {
	list := slices.Clone(attrs)
	for i := range list {
		list[i] = shorten(list[i])
	}
	return list
}
