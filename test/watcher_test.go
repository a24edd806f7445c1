package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// watcher is a phone with a subscription.
type watcher struct {
	*wire
	user, about, event string
	id                 string // Call-ID
	from, to           string // of its requests, with tags
	target             string
	seq                int
}

// subscribes has a user subscribe to an address, and returns the answer.
func (r *rig) subscribes(w *wire, user, about, event, lines, body string) (*watcher, *sip.Message) {
	r.t.Helper()
	k := &watcher{wire: w, user: user, about: "sip:" + about + "@" + domain, event: event, seq: 10}
	if strings.Contains(about, "@") {
		k.about = "sip:" + about
	}
	if !strings.Contains(lines, "Expires:") {
		lines += "\nExpires: 600"
	}
	k.id = w.ask("SUBSCRIBE", user, k.about, filled("Event: "+event+"\n"+lines), body)
	m := k.final(k.id, "SUBSCRIBE")
	if m.StatusCode()/100 == 2 {
		k.from, k.to = string(m.Get(sip.HdrFrom)), string(m.Get(sip.HdrTo))
		a, _ := m.FirstAddr(sip.HdrContact)
		k.target = string(a.URI)
	}
	return k, m
}

// watch subscribes, and takes the first NOTIFY.
func (r *rig) watch(w *wire, user, about, event string, lines ...string) (*watcher, *sip.Message) {
	r.t.Helper()
	k, m := r.subscribes(w, user, about, event, strings.Join(lines, "\n"), "")
	if m.StatusCode() != 200 {
		r.t.Fatalf("SUBSCRIBE of %s was answered\n%s", user, m.Bytes())
	}
	return k, k.notified()
}

// notified waits for a NOTIFY and answers it.
func (k *watcher) notified() *sip.Message {
	k.t.Helper()
	m, err := k.hears(patience)
	if err != nil {
		k.t.Fatalf("%s waits for NOTIFY: %v", k.user, err)
	}
	return m
}

func (k *watcher) hears(limit time.Duration) (*sip.Message, error) {
	k.t.Helper()
	m, err := k.next(limit, func(m *sip.Message) bool {
		return m.Method() == sip.NOTIFY && m.IsRequest() && string(m.CallID()) == k.id
	})
	if err == nil {
		k.reply(m, 200, "", "", "")
	}
	return m, err
}

// until takes NOTIFYs until one has a text in it.
func (k *watcher) until(text string) *sip.Message {
	k.t.Helper()
	end := time.Now().Add(patience)
	var last *sip.Message
	for time.Now().Before(end) {
		m, err := k.hears(time.Until(end))
		if err != nil {
			break
		}
		if last = m; strings.Contains(string(m.Body()), text) {
			return m
		}
	}
	if last == nil {
		k.t.Fatalf("%s was told nothing, want %q", k.user, text)
	}
	k.t.Fatalf("%s was told last, want %q\n%s", k.user, text, last.Bytes())
	return nil
}

// again sends a SUBSCRIBE in the dialog and returns the answer.
func (k *watcher) again(lines string) *sip.Message {
	k.t.Helper()
	k.seq++
	k.send(strings.ReplaceAll(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d SUBSCRIBE\nContact: %s\nEvent: %s\n%s\nContent-Length: 0\n\n",
		k.target, k.via(), k.from, k.to, k.id, k.seq, k.contact(k.user), k.event, strings.TrimSpace(lines)), "\n", "\r\n"))
	return k.final(k.id, "SUBSCRIBE")
}

// publish has a user publish, and returns the answer.
func (w *wire) publish(user, lines, body string) *sip.Message {
	w.t.Helper()
	if body != "" {
		lines += "\nContent-Type: application/pidf+xml"
	}
	return w.final(w.ask("PUBLISH", user, "sip:"+user+"@"+domain, filled("Event: presence\n"+lines), body), "PUBLISH")
}

// filled is lines without empty ones.
func filled(lines string) string {
	return strings.Join(strings.FieldsFunc(lines, func(r rune) bool { return r == '\n' }), "\n")
}

// pidf is a document of a device: basic, and the activity of the person.
func pidfOf(user, basic, activity string) string {
	person := ""
	if activity != "" {
		person = `<dm:person id="p"><rpid:activities><rpid:` + activity + `/></rpid:activities></dm:person>`
	}
	return `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:` +
		user + "@" + domain + `"><tuple id="t"><status><basic>` + basic + `</basic></status></tuple>` + person + `</presence>`
}

func wantCode(t testing.TB, m *sip.Message, code int) {
	t.Helper()
	if m.StatusCode() != code {
		t.Errorf("answered, want %d\n%s", code, m.Bytes())
	}
}

// value is that of a header line.
func value(m *sip.Message, name string) string {
	if id := sip.HeaderByName(name); id != sip.HdrOther {
		return string(m.Get(id))
	}
	return string(m.GetName(name))
}
