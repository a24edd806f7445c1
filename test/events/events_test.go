package events

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/softphone"
	"tandem/test/harness"
)

// TestEventsOfACall: who follows events is told of a call from its start to its
// end, in order, with the record.
func TestEventsOfACall(t *testing.T) {
	softphone.AllowLargeDatagrams()
	var data string
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); data = cfg.Data })
	r.User("alice")
	r.Gateway(t, "berlin", nil)
	h := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(data, "tandem.sock"))
	}}}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://tandem/api/v1/events?types=call.*", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: harness.Domain, Password: harness.Password, Server: r.Addr["udp"].String()})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	call, err := phone.Dial(harness.Soon(t), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Hangup(harness.Soon(t)); err != nil {
		t.Fatal(err)
	}
	var types []string
	for lines := bufio.NewScanner(resp.Body); len(types) < 4 && lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e struct {
			Type, Resource string
			Data           struct{ From, Number, Trunk, State string }
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if e.Type != "call.changed" { // a party has come or gone
			types = append(types, e.Type)
		}
		if !strings.HasPrefix(e.Resource, "call-records/") || e.Data.From != "sip:alice@"+harness.Domain || e.Data.Number != "+49301234567" {
			t.Errorf("event %s", text)
		}
	}
	if got := fmt.Sprint(types); got != "[call.started call.ringing call.answered call.ended]" {
		t.Errorf("told of %s", got)
	}
}
