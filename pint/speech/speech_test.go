package speech

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"

	"tandem/pint"
	"tandem/pint/fetch"
)

// sound is a WAV file of 0.1 s.
func sound() []byte {
	b := make([]byte, 44+1600)
	copy(b, "RIFF\x64\x06\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x40\x06\x00\x00")
	return b
}

func code(err error) int {
	var r *pint.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}

func TestCan(t *testing.T) {
	mute := New(Config{Program: "", Fetch: fetch.New(fetch.Config{Hosts: []string{"files.example.com"}})})
	mute.cfg.Program = ""
	speaks := New(Config{Program: "/usr/bin/espeak-ng", Fetch: mute.cfg.Fetch})
	for _, c := range []struct {
		content     pint.Content
		mute, speak int
	}{
		{pint.Content{Media: "text/plain", Part: []byte("hello")}, 501, 0},
		{pint.Content{Media: "audio/wav", Part: sound()}, 0, 0},
		{pint.Content{Media: "audio/wav", Part: []byte("RIFF")}, 415, 415},
		{pint.Content{Media: "image/jpeg", Part: []byte("x")}, 415, 415},
		{pint.Content{Media: "text/plain", Part: []byte(" \n")}, 501, 400},
		{pint.Content{Media: "text/plain", Part: []byte("\xff")}, 501, 400},
		{pint.Content{Media: "text/x-pay", Opaque: "1234"}, 501, 501},
		{pint.Content{URI: "https://files.example.com/a.wav"}, 0, 0},
		{pint.Content{URI: "http://169.254.169.254/latest"}, 606, 606},
	} {
		if got := code(mute.Can(c.content)); got != c.mute {
			t.Errorf("mute, %+v: %d, want %d", c.content, got, c.mute)
		}
		if got := code(speaks.Can(c.content)); got != c.speak {
			t.Errorf("%+v: %d, want %d", c.content, got, c.speak)
		}
	}
}

// Text that came along and a recording that is fetched are files, in order, and gone
// afterwards.
func TestMake(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a.wav" {
			_, _ = w.Write(sound())
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte("\x89PNG"))
	}))
	defer web.Close()
	v := New(Config{Fetch: fetch.New(fetch.Config{Hosts: []string{"127.0.0.1"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	files, done, err := v.Make(t.Context(), []pint.Content{{Media: "text/plain", Part: []byte("The backup has failed.")}, {URI: web.URL + "/a.wav"}}, "en; rm -rf")
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []int64{8000, 1644} {
		if st, err := os.Stat(files[i]); err != nil || st.Size() < least {
			t.Errorf("file %d: %v, %v", i, st, err)
		}
	}
	done()
	if _, err := os.Stat(files[0]); !errors.Is(err, os.ErrNotExist) {
		t.Error("it stays:", err)
	}
	for path, want := range map[string]int{"/picture": 415} {
		if _, _, err := v.Make(t.Context(), []pint.Content{{URI: web.URL + path}}, ""); code(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
