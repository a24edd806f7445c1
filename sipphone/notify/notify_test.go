package notify

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/sipphone"
	"tandem/sipphone/family"
)

// TestPost: a phone that is told over HTTP is told at the address it registered from;
// where it sends us elsewhere, nobody goes; one that does not listen is reported.
func TestPost(t *testing.T) {
	var got []string
	phone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(b))
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer phone.Close()
	u, err := url.Parse(phone.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := New(Config{Log: slog.New(slog.DiscardHandler), Secrets: func(*sipphone.Phone) []string { return []string{"s"} },
		Ways: func(rtc.AOR, string) []reach.Way {
			return []reach.Way{{From: netip.MustParseAddrPort("127.0.0.1:5060")}}
		}})
	p := &sipphone.Phone{MAC: "0001e3000001", Lines: []sipphone.Line{{User: "sip:alice@example.com"}}}
	tell := func(path string) (int, error) {
		f := &family.Family{Resync: family.Notice{Post: "http://{host}:" + u.Port() + path, Type: "text/plain", Body: "x=1"}}
		return n.Prepare(p, f, Resync)(t.Context())
	}
	if told, err := tell("/me"); told != 1 || err != nil {
		t.Errorf("told %d, %v", told, err)
	}
	if told, err := tell("/away"); told != 0 || err == nil {
		t.Errorf("one that sends elsewhere: told %d, %v", told, err)
	}
	phone.Close()
	if told, err := tell("/me"); told != 0 || err == nil || !strings.Contains(err.Error(), "408") {
		t.Errorf("one that does not listen: told %d, %v", told, err)
	}
	if s := strings.Join(got, "|"); s != "POST /me text/plain x=1|POST /away text/plain x=1" {
		t.Errorf("it heard %s", s)
	}
	if _, err := n.Prepare(p, &family.Family{}, Reboot)(context.Background()); err == nil {
		t.Error("a family without a notice")
	}
}
