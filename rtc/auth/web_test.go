package auth

import (
	"log/slog"
	"net/netip"
	"testing"

	icholy "github.com/icholy/digest"

	"tandem/rtc/directory"
)

// A client that is not ours authenticates over HTTP with a user's password; a
// second use of the same count is refused, and so is a wrong password.
func TestWeb(t *testing.T) {
	g := webGate(t)
	from := netip.MustParseAddrPort("192.0.2.1:40000")
	ask := func(password string, count int, uri string, last []string) (aor string, challenges []string, code int) {
		t.Helper()
		r := WebRequest{Method: "PUT", URI: "/xcap-root/resource-lists/users/alice/index", From: from}
		if last != nil {
			c, err := icholy.ParseChallenge(last[0])
			if err != nil {
				t.Fatal(err)
			}
			cr, err := icholy.Digest(c, icholy.Options{Method: "PUT", URI: uri, Username: "alice", Password: password, Count: count})
			if err != nil {
				t.Fatal(err)
			}
			r.Authorization = []string{cr.String()}
		}
		id, challenges, st := g.Web(r)
		if st != nil {
			return "", challenges, st.Code
		}
		return string(id.AOR), nil, 200
	}
	const uri = "/xcap-root/resource-lists/users/alice/index"
	_, first, code := ask("", 0, "", nil)
	if code != 401 || len(first) != 2 {
		t.Fatalf("%d with %q", code, first)
	}
	if aor, _, code := ask("wonderland", 1, uri, first); code != 200 || aor != "sip:alice@example.com" {
		t.Errorf("the right password: %d, %s", code, aor)
	}
	if _, _, code := ask("wonderland", 2, uri, first); code != 200 {
		t.Errorf("the next count: %d", code)
	}
	if _, again, code := ask("wonderland", 2, uri, first); code != 401 || again == nil {
		t.Errorf("the same count: %d", code)
	}
	if _, _, code := ask("wrong", 3, uri, first); code != 401 {
		t.Errorf("a wrong password: %d", code)
	}
	if _, _, code := ask("wonderland", 4, "/xcap-root/resource-lists/users/bob/index", first); code == 200 {
		t.Error("credentials for another document were taken")
	}
}

func webGate(t *testing.T) *Gate {
	t.Helper()
	dir := directory.New(directory.NewMemory(), []string{"example.com"}, slog.New(slog.DiscardHandler))
	if _, err := dir.Add(t.Context(), directory.AddUser{AOR: "sip:alice@example.com", Password: "wonderland"}); err != nil {
		t.Fatal(err)
	}
	return New(Config{Users: dir, Domains: []string{"example.com"}, Log: slog.New(slog.DiscardHandler)})
}
