package invite

import (
	"context"
	"encoding/xml"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
)

// TestLinks: the first one who opens a link gets the settings, nobody else does.
func TestLinks(t *testing.T) {
	made := 0
	l := New(Config{Account: func(_ context.Context, user rtc.AOR) (Account, error) {
		made++
		return Account{User: user.User(), Domain: user.Domain(), Name: `Al "<&`, Password: "s3cret", Host: "192.0.2.1", Port: 5061, Transport: "tls", Expires: time.Hour}, nil
	}})
	path, until, err := l.Make("sip:alice@example.com")
	if err != nil || time.Until(until) < 23*time.Hour || !strings.HasPrefix(path, "softphone/") || len(path) < 30 {
		t.Fatalf("%s %s %v", path, until, err)
	}
	ask := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, httptest.NewRequest(method, "/"+path, nil))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{{"HEAD", path, 405}, {"GET", path + "x", 404}, {"GET", "softphone/", 404}, {"GET", path, 200}, {"GET", path, 404}} {
		code, body := ask(c.method, c.path)
		if code != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, code, c.want)
		}
		if code == 200 {
			var config struct {
				Sections []section `xml:"section"`
			}
			if err := xml.Unmarshal([]byte(body), &config); err != nil || len(config.Sections) != 3 || config.Sections[0].Entries[1].Value != "<sip:192.0.2.1:5061;transport=tls>" ||
				config.Sections[0].Entries[0].Value != `"Al <&" <sip:alice@example.com>` || config.Sections[1].Entries[1].Value != "s3cret" {
				t.Errorf("%v %s", err, body)
			}
		}
	}
	if made != 1 {
		t.Errorf("%d devices", made)
	}
}

func TestQR(t *testing.T) {
	s, err := QR("linphone-config:https://pbx.example.com:8445/softphone/ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if err != nil || len(lines) < 15 || len([]rune(lines[0])) != len([]rune(lines[len(lines)-1])) {
		t.Errorf("%v\n%s", err, s)
	}
}
