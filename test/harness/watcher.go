package harness

import (
	"strings"
	"time"

	"tandem/rtc/sip"
)

// Watcher is a phone with a subscription.
type Watcher struct {
	*Wire
	User, about, Event string
	ID                 string // Call-ID
	From, To           string // of its requests, with tags
	Target             string
	Seq                int
}

// Subscribes has a user subscribe to an address, and returns the answer.
func (r *Rig) Subscribes(w *Wire, user, about, event, lines, body string) (*Watcher, *sip.Message) {
	r.T.Helper()
	k := &Watcher{Wire: w, User: user, about: "sip:" + about + "@" + Domain, Event: event, Seq: 10}
	if strings.Contains(about, "@") {
		k.about = "sip:" + about
	}
	if !strings.Contains(lines, "Expires:") {
		lines += "\nExpires: 600"
	}
	k.ID = w.Ask("SUBSCRIBE", user, k.about, Filled("Event: "+event+"\n"+lines), body)
	m := k.Final(k.ID, "SUBSCRIBE")
	if m.StatusCode()/100 == 2 {
		k.From, k.To = string(m.Get(sip.HdrFrom)), string(m.Get(sip.HdrTo))
		a, _ := m.FirstAddr(sip.HdrContact)
		k.Target = string(a.URI)
	}
	return k, m
}

// Watch subscribes, and takes the first NOTIFY.
func (r *Rig) Watch(w *Wire, user, about, event string, lines ...string) (*Watcher, *sip.Message) {
	r.T.Helper()
	k, m := r.Subscribes(w, user, about, event, strings.Join(lines, "\n"), "")
	if m.StatusCode() != 200 {
		r.T.Fatalf("SUBSCRIBE of %s was answered\n%s", user, m.Bytes())
	}
	return k, k.Notified()
}

// Notified waits for a NOTIFY and answers it.
func (k *Watcher) Notified() *sip.Message {
	k.T.Helper()
	m, err := k.Hears(Patience)
	if err != nil {
		k.T.Fatalf("%s waits for NOTIFY: %v", k.User, err)
	}
	return m
}

func (k *Watcher) Hears(limit time.Duration) (*sip.Message, error) {
	k.T.Helper()
	m, err := k.Next(limit, func(m *sip.Message) bool {
		return m.Method() == sip.NOTIFY && m.IsRequest() && string(m.CallID()) == k.ID
	})
	if err == nil {
		k.Reply(m, 200, "", "", "")
	}
	return m, err
}

// Until takes NOTIFYs until one has a text in it.
func (k *Watcher) Until(text string) *sip.Message {
	k.T.Helper()
	end := time.Now().Add(Patience)
	var last *sip.Message
	for time.Now().Before(end) {
		m, err := k.Hears(time.Until(end))
		if err != nil {
			break
		}
		if last = m; strings.Contains(string(m.Body()), text) {
			return m
		}
	}
	if last == nil {
		k.T.Fatalf("%s was told nothing, want %q", k.User, text)
	}
	k.T.Fatalf("%s was told last, want %q\n%s", k.User, text, last.Bytes())
	return nil
}

// Filled is lines without empty ones.
func Filled(lines string) string {
	return strings.Join(strings.FieldsFunc(lines, func(r rune) bool { return r == '\n' }), "\n")
}
