package pint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// tab is a page in a headless Chromium, led by its debugger.
type tab struct {
	t  *testing.T
	ws *websocket.Conn
	n  int
}

// browse opens a page.
func browse(t *testing.T, url string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; run: make peers")
	}
	dir := t.TempDir()
	profile := filepath.Join(dir, "profile")
	c := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir="+profile, url)
	c.Env = append(os.Environ(), "HOME="+dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	var port string
	harness.Wait(t, "the browser runs", func() bool {
		b, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		port, _, _ = strings.Cut(string(b), "\n")
		return err == nil && port != ""
	})
	var pages []struct{ Type, URL, WebSocketDebuggerURL string }
	harness.Wait(t, "the page is there", func() bool {
		res, err := http.Get("http://127.0.0.1:" + port + "/json/list")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&pages) == nil && len(pages) > 0 && strings.HasPrefix(pages[0].URL, url)
	})
	ws, _, err := websocket.Dial(harness.Soon(t), pages[0].WebSocketDebuggerURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(1 << 20)
	return &tab{t: t, ws: ws}
}

// run has the page run a script, and returns its value as text.
func (b *tab) run(script string) string {
	b.t.Helper()
	ctx, done := context.WithTimeout(context.Background(), harness.Patience)
	defer done()
	b.n++
	ask := map[string]any{"id": b.n, "method": "Runtime.evaluate", "params": map[string]any{"expression": script, "returnByValue": true}}
	if err := wsjson.Write(ctx, b.ws, ask); err != nil {
		b.t.Fatal(err)
	}
	for {
		var out struct {
			ID     int
			Result struct{ Result struct{ Value any } }
		}
		if err := wsjson.Read(ctx, b.ws, &out); err != nil {
			b.t.Fatal(err)
		}
		if out.ID == b.n {
			return fmt.Sprint(out.Result.Result.Value)
		}
	}
}

// TestClickToCallPage: somebody opens the page in a real browser, calls, sees each step,
// and hangs up.
func TestClickToCallPage(t *testing.T) {
	t.Parallel() // it waits for a browser
	at := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	r, _, alice, _ := pintRig(t, func(cfg *config.Config) { cfg.API.Addr = at })
	code, token, _ := r.HTTP(t, "POST", "/tokens", `{"name":"page","scopes":["pint:write"]}`)
	if code != 201 {
		t.Fatal(code, token)
	}
	page := browse(t, "https://"+at+"/click-to-call")
	harness.Wait(t, "the page is ready", func() bool { return page.run(`document.readyState + document.forms.length`) == "complete1" })
	page.run(fmt.Sprintf(`{ const f = document.forms[0].elements; f.token.value = %q; f.user.value = "alice"; f.a.value = "0345 123456"; document.forms[0].requestSubmit(); }`, token["token"]))
	invite := alice.Request("INVITE")
	alice.Reply(invite, 180, "a", "", "")
	shows := func(text string) {
		t.Helper()
		for end := time.Now().Add(harness.Patience); ; time.Sleep(20 * time.Millisecond) {
			got := page.run(`document.querySelector("ol").innerText`)
			if strings.Contains(got, text) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the page shows %q, want %q", got, text)
			}
		}
	}
	shows("B ringing")
	page.run(`document.forms[0].elements.stop.click()`)
	alice.Reply(alice.Request("CANCEL"), 200, "", "", "")
	alice.Reply(invite, 487, "a", "", "")
	shows("ended by")
	if page.run(`document.forms[0].elements.stop.disabled`) != "true" {
		t.Error("it can be hung up once more")
	}
	page.run(`{ const f = document.forms[0].elements; f.token.value = "nonsense"; document.forms[0].requestSubmit(); }`)
	harness.Wait(t, "a problem is shown", func() bool { return page.run(`document.querySelectorAll("li.problem").length`) == "1" })
}
