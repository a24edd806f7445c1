package pint

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/media/sound"
	"tandem/pint"
	"tandem/pint/fax"
	"tandem/pint/sdp"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// examples is a server whose services are those of RFC 2848 §4, with what they fetch and a
// fax machine that keeps what it is given.
type examples struct {
	*harness.Rig
	q              *pintClient
	alice, gateway *harness.Wire
	web            string // where documents are
	dir            string // of the fax machine
}

func newExamples(t *testing.T, faxback string) *examples {
	x := &examples{dir: t.TempDir()}
	program := filepath.Join(x.dir, "fax.sh")
	script := "#!/bin/sh\ncat > " + x.dir + "/job; shift; cat /dev/null \"$@\" > " + x.dir + "/sent\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	wav := filepath.Join(x.dir, "tone.wav")
	if err := sound.WriteWAV(wav, sound.Tone(400, -18, 1e9)); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, document := map[string]string{".tif": "image/tif", ".gif": "image/gif", ".html": "text/html"}[filepath.Ext(r.URL.Path)]
		if document && faxback == "r2f" {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write([]byte("<" + r.URL.Path + ">"))
			return
		}
		http.ServeFile(w, r, wav)
	}))
	t.Cleanup(web.Close)
	host, _ := url.Parse(web.URL)
	x.web = web.URL
	x.Rig, x.q, x.alice, x.gateway = pintRig(t, func(cfg *config.Config) {
		cfg.PINT.FetchHosts, cfg.PINT.FetchFrom = []string{host.Hostname()}, []string{"127.0.0.0/8"}
		cfg.PINT.Fax.Program, cfg.PINT.Fax.Types = program, []string{"application/uri", "text/html", "image/tif", "image/gif", "application/octet-stream", "text/plain"}
		for name, kind := range map[string]string{"R2C": "r2c", "marketing": "r2c", "R2F": "r2f", "faxserver": "r2f", "faxback": faxback, "R2FB": "r2fb", "BillsRUs": "r2fb", "R2HC": "r2hc"} {
			s := config.PINTService{Name: name, Kind: kind, PerMinute: 100, AtOnce: 100, Same: 1}
			if name == "marketing" {
				s.Party = "+44345123456"
			}
			cfg.PINT.Services = append(cfg.PINT.Services, s)
		}
	})
	return x
}

// ask sends an example, and returns the answer and the session.
func (x *examples) ask(t *testing.T, name string, replace []string) (*sip.Message, string) {
	t.Helper()
	text := x.q.example(t, name, replace...)
	m := x.q.invite(t, text)
	if m.StatusCode() != 200 {
		return m, ""
	}
	x.q.plainAck(m, text)
	return m, sessionOf(t, m)
}

// ended is a session that has ended.
func (x *examples) ended(t *testing.T, id string) (s pint.Session) {
	t.Helper()
	harness.Wait(t, "the session "+id+" ends", func() bool {
		var err error
		if s, _, err = x.S.PINT().Find(harness.Soon(t), id); err != nil {
			t.Fatal(err)
		}
		return s.State.Final()
	})
	x.q.Reply(x.q.Request("BYE"), 200, "", "", "")
	return s
}

// faxed is what the fax machine was given.
func (x *examples) faxed(t *testing.T) (job fax.Job, content string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(x.dir, "job"))
	if err == nil {
		err = json.Unmarshal(b, &job)
	}
	sent, err2 := os.ReadFile(filepath.Join(x.dir, "sent"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return job, string(sent)
}

// The numbers of the examples, as the server of the tests has them.
const (
	ironingBoard = "+44-1794-8331013" // alice's, instead of +1-201-406-4090 and others
	callCentre   = "+44-345-123456"
)

// TestPINTExamples: every message of RFC 2848 §4 as it is printed, but for the numbers of
// who is called and the hosts, and what comes of it: two telephones, a fax machine that
// gets what is named, in order, or the refusal that lets a broker go on.
func TestPINTExamples(t *testing.T) {
	x := newExamples(t, "r2f")
	for _, row := range []struct {
		name    string
		replace []string
		shown   string   // R2C: what alice sees
		faxed   []string // media of the documents, or opr: and the opaque text
		content string   // begins so, all of the documents
		code    int      // of the refusal
		warning string
	}{
		{name: "4.1", replace: []string{"+1-201-406-4090", ironingBoard, "+1-201-456-7890", callCentre}, shown: "+44345123456"},
		{name: "4.2", replace: []string{"+1-201-406-4090", ironingBoard}, shown: "+44345123456"},
		{name: "4.3", replace: []string{"1-201-406-4091", "01794-8331013", "http://localstore", x.web}, faxed: []string{"text/html"}, content: "</Products/IroningBoards/2344.html>"},
		{name: "4.4", replace: []string{"1-201-406-4090", "01794-8331013"}, code: 501, warning: `302 ` + harness.Domain + ` "Incompatible transport protocol: voice`},
		{name: "4.5", replace: []string{"+972-9-956-1867", ironingBoard}, code: 501, warning: `302 ` + harness.Domain + ` "Incompatible transport protocol: pager`},
		{name: "4.6", replace: []string{"+972-9-956-1867", ironingBoard, "http://petrack", x.web}, faxed: []string{"image/tif"}, content: "</images/tif/picture1.tif>"},
		{name: "4.7", replace: []string{"+1-201-406-4091", ironingBoard, "http://www.your.com/texts/stuff.doc\n\n--next\n", x.web + "/tone.wav\n\n--next\n"}, shown: ""},
		{name: "4.8", replace: []string{"+44-1794-8331010", ironingBoard}, faxed: []string{}},
		{name: "4.9", shown: "+44345123456"},
		{name: "4.10", replace: []string{"+44-1794-8331010", ironingBoard, "http://www.bt.co.uk", x.web}, faxed: []string{"image/gif", "opr:", "text/plain"}, content: "</imgs/pipr.gif>Dear Sir,\r\n  Thank you"},
		{name: "4.11", code: 501, warning: `302 ` + harness.Domain + ` "Incompatible transport protocol: voice`},
		{name: "4.11b", replace: []string{"+44-1794-8331010", ironingBoard}, faxed: []string{"opr:mci.com/md5:<crypto signature>"}},
		{name: "4.11c", replace: []string{"+44-1794-8331015", ironingBoard}, code: 501, warning: `302 ` + harness.Domain + ` "Incompatible transport protocol: pager`},
		{name: "4.12", replace: []string{"+1-202-833-1010", ironingBoard}, faxed: []string{"opr:fbi.gov/jdcn-123@45:3des;base64,<signature>"}},
	} {
		m, id := x.ask(t, row.name, row.replace)
		if row.code != 0 || id == "" {
			if m.StatusCode() != row.code || !strings.HasPrefix(string(m.Get(sip.HdrWarning)), row.warning) {
				t.Errorf("%s: answered\n%s", row.name, m.Bytes())
			}
			continue
		}
		if given, err := sdp.Parse(m.Body()); err != nil || !strings.Contains(x.q.example(t, row.name, row.replace...), "\r\no="+given.Origin.String()+"\r\n") || given.Info != "queued" {
			t.Errorf("%s: given back was\n%s%v", row.name, m.Body(), err)
		}
		if row.faxed != nil {
			s := x.ended(t, id)
			job, content := x.faxed(t)
			var got []string
			for _, d := range job.Documents {
				if d.File == "" {
					d.Media = "opr:" + d.Opaque
				}
				got = append(got, d.Media)
			}
			if s.State != pint.Completed || job.Session != id || job.Number != "+4417948331013" || !slices.Equal(got, row.faxed) && len(got)+len(row.faxed) > 0 || !strings.HasPrefix(content, row.content) {
				t.Errorf("%s: %s %q; the fax machine got %+v and %q", row.name, s.State, s.Info, job, content)
			}
			continue
		}
		invite := x.alice.Request("INVITE")
		if from, _ := invite.From(); row.shown != "" && !strings.HasPrefix(string(from.URI), "sip:"+row.shown+"@") {
			t.Errorf("%s: alice sees %s", row.name, from.URI)
		}
		x.alice.Reply(invite, 603, "a", "", "")
		if s := x.ended(t, id); s.Code != 603 {
			t.Errorf("%s: %s %q", row.name, s.State, s.Info)
		}
	}
}

// TestPINTReadOut: example 4.4 of RFC 2848 asks the service that sends a fax in 4.3 to be
// read out: where the service is one that speaks, a telephone rings.
func TestPINTReadOut(t *testing.T) {
	x := newExamples(t, "r2hc")
	m, id := x.ask(t, "4.4", []string{"1-201-406-4090", "01794-8331013", "http://localstore", x.web})
	if id == "" {
		t.Fatalf("answered\n%s", m.Bytes())
	}
	x.alice.Reply(x.alice.Request("INVITE"), 603, "a", "", "")
	if s := x.ended(t, id); s.Code != 603 {
		t.Errorf("%s %q", s.State, s.Info)
	}
}
