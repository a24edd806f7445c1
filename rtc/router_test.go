package rtc

import (
	"log/slog"
	"net/netip"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// owner takes INVITEs of one user, or of all.
type owner struct {
	user   string
	cancel []string
	closed int
}

func (o *owner) Serve(r *Request) error {
	if u, err := sip.ParseURI(r.RequestURI()); err != nil || o.user != "" && string(u.User) != o.user {
		return Next
	}
	r.Tx.User = o
	return nil
}

func (o *owner) Cancel(m *sip.Message) { o.cancel = append(o.cancel, string(m.RequestURI())) }

func (o *owner) FlowClosed(transport.Flow) { o.closed++ }

// A CANCEL goes to the handler that took its INVITE, not to another one.
func TestCancelGoesToOwner(t *testing.T) {
	pbx, rest := &owner{user: "pbx"}, &owner{}
	rt := NewRouter(slog.New(slog.DiscardHandler), nil, pbx, rest)
	for _, user := range []string{"pbx", "bob"} {
		m := new(sip.Message)
		m.Source = netip.MustParseAddrPort("192.0.2.1:5060")
		if err := m.Parse([]byte("INVITE sip:" + user + "@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		s := new(transaction.Server)
		rt.Request(s, m)
		rt.Cancel(s, m)
	}
	rt.Cancel(new(transaction.Server), new(sip.Message)) // nobody took it
	if len(pbx.cancel) != 1 || pbx.cancel[0] != "sip:pbx@example.com" {
		t.Errorf("the first handler heard of %q", pbx.cancel)
	}
	if len(rest.cancel) != 1 || rest.cancel[0] != "sip:bob@example.com" {
		t.Errorf("the second handler heard of %q", rest.cancel)
	}
	rt.FlowClosed(transport.Flow{})
	if pbx.closed != 1 || rest.closed != 1 {
		t.Errorf("of a closed flow the handlers heard %d and %d times", pbx.closed, rest.closed)
	}
}
