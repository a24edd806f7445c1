package sip

import (
	"bytes"
	"testing"
)

// What Check has read is what reading again finds: in the message, in a copy of it, and
// not any more when another message is parsed in its place.
func TestViews(t *testing.T) {
	var m, c Message
	for _, text := range [][]byte{sampleINVITE, sampleREGISTER} {
		in := bytes.Clone(text)
		if err := m.Parse(in); err != nil {
			t.Fatal(err)
		}
		sameViews(t, "parsed", &m, text)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		sameViews(t, "checked", &m, text)
		c.Assign(&m)
		clear(in)
		sameViews(t, "copied", &c, text)
	}
}

// sameViews compares what m shows with a message of that text which was never checked.
func sameViews(t *testing.T, when string, m *Message, text []byte) {
	t.Helper()
	plain := parse(t, text)
	same := func(what string, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: %s is %q, want %q", when, what, got, want)
		}
	}
	sameURI := func(what string, got URI, err *Error, want []byte) {
		t.Helper()
		u, bad := ParseURI(want)
		if (err == nil) != (bad == nil) || got.Kind != u.Kind || got.Port != u.Port {
			t.Errorf("%s: %s is %+v, want %+v", when, what, got, u)
		}
		same(what, got.Scheme, u.Scheme)
		same(what, got.User, u.User)
		same(what, got.Host, u.Host)
		same(what, got.Params, u.Params)
	}
	via, _ := m.TopVia()
	wantVia, _ := plain.TopVia()
	same("Via's transport", via.Transport, wantVia.Transport)
	same("Via's host", via.Host, wantVia.Host)
	same("Via's parameters", via.Params, wantVia.Params)
	same("branch", via.Branch, wantVia.Branch)
	same("received", via.Received, wantVia.Received)
	from, _ := m.From()
	to, _ := m.To()
	wantFrom, _ := plain.From()
	wantTo, _ := plain.To()
	same("From's name", from.Display, wantFrom.Display)
	same("From", from.URI, wantFrom.URI)
	same("From tag", m.FromTag(), plain.FromTag())
	same("To's name", to.Display, wantTo.Display)
	same("To", to.URI, wantTo.URI)
	same("To tag", m.ToTag(), plain.ToTag())
	u, err := m.Target()
	sameURI("Request-URI", u, err, plain.RequestURI())
	u, err = m.FromURI()
	sameURI("From's URI", u, err, wantFrom.URI)
	u, err = m.ToURI()
	sameURI("To's URI", u, err, wantTo.URI)
}
