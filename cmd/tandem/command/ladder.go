package command

import (
	"fmt"
	"io"

	"tandem/cmd/tandem/api"
	"tandem/rtc/trace"
)

// NoneKept is what is said when no traced message is meant.
const NoneKept = "no message matches; the newest are kept only (trace.bytes)"

// Ladder draws who sent what to whom.
func Ladder(w io.Writer, messages []api.Message, width int) error {
	if len(messages) == 0 {
		_, err := fmt.Fprintln(w, NoneKept)
		return err
	}
	var list []trace.Entry
	for _, m := range messages {
		list = append(list, trace.Entry{Time: m.Time, Out: m.Out, Unsent: m.Unsent, Flow: m.Flow, Local: m.Local, Remote: m.Remote, Bytes: []byte(m.Text)})
	}
	return trace.Ladder(w, list, width)
}
