package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// hookTarget is a webhook that takes nothing until it is opened.
type hookTarget struct {
	mu   sync.Mutex
	open bool
	got  map[string][]string // displays by resource, in the order they were taken, repeats left out
	ids  map[string]bool
}

func (h *hookTarget) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Resource string
		Data     struct{ After struct{ Aliases []string } }
	}
	b, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open || json.Unmarshal(b, &e) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if id := r.Header.Get("webhook-id"); !h.ids[id] {
		h.ids[id] = true
		h.got[e.Resource] = append(h.got[e.Resource], fmt.Sprint(len(e.Data.After.Aliases)))
	}
}

// process is a server of its own process.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    bytes.Buffer
	client http.Client
}

func startProcess(t *testing.T, config, socket, addr string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), client: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}}
	p.cmd.Env = append(os.Environ(), "TANDEM_TEST_COMMAND=serve -c "+config)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	await(t, "ready", func() bool { return ready(addr) == "ok" })
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
	p.client.CloseIdleConnections()
}

// call reports whether the server has acknowledged a change.
func (p *process) call(method, path, body string) bool {
	r, err := http.NewRequest(method, "http://tandem/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return false
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode < 300
}

// TestKill: whatever was acknowledged before a kill -9 is told to the webhook
// afterwards, in order for each resource, and stands in the audit log.
func TestKill(t *testing.T) {
	target := &hookTarget{got: map[string][]string{}, ids: map[string]bool{}}
	hook := httptest.NewServer(target)
	defer hook.Close()
	dir, addr, sip := t.TempDir(), freeAddr(t), freeAddr(t)
	config, data := filepath.Join(dir, "tandem.yaml"), filepath.Join(dir, "var")
	text := fmt.Sprintf("data: %s\ndomains: [example.com]\nlisten: [{proto: udp, addr: %q}]\nhttp: {addr: %q}\napi: {webhooks_to: [127.0.0.0/8]}\nmedia: {ports: 30000-30999}\n",
		data, sip, addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(data, "tandem.sock")
	p := startProcess(t, config, socket, addr)
	if !p.call("POST", "/webhooks", fmt.Sprintf(`{"name":"hook","url":%q,"types":["user.changed"]}`, hook.URL)) {
		t.Fatal(p.log.String())
	}
	const users = 5
	for i := range users {
		if !p.call("POST", "/users", fmt.Sprintf(`{"address":"user%d"}`, i)) {
			t.Fatal(p.log.String())
		}
	}
	// Users change all at once, each again and again, until the kill.
	acknowledged := make([]int, users)
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			for n := 1; n <= 60; n++ {
				if !p.call("PATCH", fmt.Sprintf("/users/user%d", i), fmt.Sprintf(`{"add_alias":"%d%03d"}`, i+1, n)) {
					return
				}
				acknowledged[i] = n
				if i == 0 && n == 20 {
					_ = p.cmd.Process.Kill()
					return
				}
			}
		})
	}
	wg.Wait()
	p.kill()
	if acknowledged[0] != 20 {
		t.Fatalf("%v acknowledged; user 0 was to have 20\n%s", acknowledged, p.log.String())
	}

	target.mu.Lock()
	target.open = true
	target.mu.Unlock()
	p = startProcess(t, config, socket, addr)
	told := func(i int) []string {
		target.mu.Lock()
		defer target.mu.Unlock()
		return target.got[fmt.Sprintf("users/sip:user%d@example.com", i)]
	}
	await(t, "told of everything", func() bool {
		for i, n := range acknowledged {
			if len(told(i)) < n {
				return false
			}
		}
		return true
	})
	for i, n := range acknowledged {
		list := told(i)
		if len(list) > n+1 { // one may have been under way
			t.Errorf("user %d: told of %d changes, %d were acknowledged", i, len(list), n)
		}
		for k, v := range list {
			if v != fmt.Sprint(k+1) {
				t.Errorf("user %d: told out of order: %v", i, list)
				break
			}
		}
	}
	checkAudit(t, config, acknowledged)
}

// checkAudit: every acknowledged change is done, and at most one of each user is
// interrupted.
func checkAudit(t *testing.T, config string, acknowledged []int) {
	t.Helper()
	for i, n := range acknowledged {
		k := &cli{t: t, config: config}
		out := k.ok("audit", "list", "--resource", fmt.Sprintf("users/sip:user%d@example.com", i), "-o", "json")
		var rows []struct{ Operation, Outcome string }
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatal(err)
		}
		outcomes := map[string]int{}
		for _, r := range rows {
			if r.Operation == "change-user" {
				outcomes[r.Outcome]++
			}
		}
		if outcomes["done"] < n || outcomes["done"]+outcomes["interrupted"] > n+1 || outcomes["begun"]+outcomes["failed"] > 0 {
			t.Errorf("user %d: %v, %d acknowledged", i, outcomes, n)
		}
	}
}
