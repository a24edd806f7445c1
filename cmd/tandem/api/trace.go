package api

import (
	"encoding/json"
	"net/http"
	"time"

	"tandem/rtc/trace"
)

// Message is one traced message.
type Message struct {
	Time   time.Time `json:"time" yaml:"time"`
	Out    bool      `json:"out" yaml:"out"`
	Flow   string    `json:"flow" yaml:"flow"`
	Local  string    `json:"local" yaml:"local"`
	Remote string    `json:"remote" yaml:"remote"`
	Text   string    `json:"text" yaml:"text"`
}

// follow streams traced messages, one JSON object a line: those kept, and with
// ?follow=1 each new one until the client goes.
func (c *Core) follow(w http.ResponseWriter, r *http.Request) {
	filter := trace.Filter{CallID: r.FormValue("call_id"), User: r.FormValue("user"), Addr: r.FormValue("addr")}
	follow := r.FormValue("follow") != ""
	var after uint64
	if r.FormValue("new") != "" {
		after = c.Trace.Last()
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	for {
		last := c.Trace.Last()
		for _, e := range c.Trace.Entries(after, filter) {
			if err := out.Encode(Message{e.Time, e.Out, e.Flow, e.Local, e.Remote, string(e.Bytes)}); err != nil {
				return // the client has gone
			}
			last = max(last, e.Seq)
		}
		after = last
		if !follow || flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}
