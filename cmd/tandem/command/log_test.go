package command

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"tandem/cmd/tandem/config"
)

// TestLogLinesAreBounded: what a peer writes into a message does not make a
// line of the log as long as the message.
func TestLogLinesAreBounded(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log := NewLogger(config.Log{Level: "info", Format: format}, new(slog.LevelVar), &b)
		log.Warn("relaying denied", "call_id", strings.Repeat("ä", 30000), "code", 403)
		if b.Len() > 1000 || !strings.Contains(b.String(), "403") || !utf8.Valid(b.Bytes()) {
			t.Errorf("%s: %d octets: %.100q", format, b.Len(), b.String())
		}
		b.Reset()
		long := strings.Repeat("ü", 30000)
		log = log.With("call_id", long).WithGroup("peer").With("uri", long)
		log.Info("registered", slog.Group("by", "aor", named(long)), "peer", named(long))
		if b.Len() > 3000 || strings.Count(b.String(), "…") != 4 || strings.Count(b.String(), "aor") != 1 {
			t.Errorf("%s, with groups: %d octets: %.100q", format, b.Len(), b.String())
		}
	}
}

// named is a value that says itself what is written of it.
type named string

func (n named) LogValue() slog.Value { return slog.StringValue(string(n)) }
