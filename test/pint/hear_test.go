package pint

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/pint"
	"tandem/test/harness"
)

// TestPINTHear: R2HC as RFC 2848 §4.7 prints it, first a text that came along, then
// something that is fetched. It is heard, and not only answered.
func TestPINTHear(t *testing.T) {
	t.Parallel() // it listens
	file := filepath.Join(t.TempDir(), "tones.wav")
	if err := sound.WriteWAV(file, gatewaysim.Announcement()); err != nil {
		t.Fatal(err)
	}
	tones, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(tones) }))
	defer web.Close()
	host, _ := url.Parse(web.URL)
	r, q, _, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.FetchHosts, cfg.PINT.FetchFrom = []string{host.Hostname()}, []string{"127.0.0.0/8"}
	})
	r.User("carol")
	if err := r.S.Directory().AddAlias(harness.Soon(t), "sip:carol@"+harness.Domain, "tel:+447700900555"); err != nil {
		t.Fatal(err)
	}
	carol := r.Endpoint(t, "carol", "tcp")
	q.user = "carol"
	example := []string{"+1-201-406-4091", "+44-7700-900555", "http://www.your.com/texts/stuff.doc\n\n--next\n", web.URL + "/tones.wav\n\n--next\n"}
	text := q.example(t, "4.7", example...)
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	q.plainAck(ok, text)
	in := carol.Call(t)
	call, err := in.Answer()
	if err != nil {
		t.Fatal(err)
	}
	report, err := call.Talk(context.Background(), softphone.TalkOptions{Play: sound.Silence(90 * time.Second), Measure: true, Duration: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range sound.Segments(gatewaysim.Announcement()) {
		if !slices.ContainsFunc(report.Audio.Tones, func(h softphone.Heard) bool {
			return h.Frequency > 0.99*want.Freq && h.Frequency < 1.01*want.Freq
		}) {
			t.Errorf("the tone of %.0f Hz was not heard; heard were %+v", want.Freq, report.Audio.Tones)
		}
	}
	// The text takes about ten seconds; without it the tones would come at once.
	last := report.Audio.Tones[len(report.Audio.Tones)-1]
	if report.EndedBy != "peer" || report.Talked < 5000 || last.Start < 5000 {
		t.Errorf("ended by %s after %.0f ms, the last tone at %.0f ms", report.EndedBy, report.Talked, last.Start)
	}
	s := pintSession(r, t)
	if s.State != pint.Completed || s.Code != 200 || !strings.Contains(s.Info, "server") {
		t.Errorf("session %s %q %d", s.State, s.Info, s.Code)
	}
	r.NothingLeft(t)
}
