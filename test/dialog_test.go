package test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo/sip"

	"tandem/rtc/dialog"
	oursip "tandem/rtc/sip"
	"tandem/test/harness"
)

// reinvite renegotiates from our side and wants a 200.
func reinvite(a *harness.Agent, s *dialog.Session) {
	a.T.Helper()
	code := make(chan int, 1)
	s.Do(func() {
		if err := s.Reinvite(a.SDP, func(m *oursip.Message, err error) {
			if err != nil {
				a.T.Error(err)
				code <- 0
				return
			}
			code <- m.StatusCode()
		}); err != nil {
			a.T.Error(err)
			code <- 0
		}
	})
	select {
	case c := <-code:
		if c != 200 {
			a.T.Errorf("re-INVITE was answered %d", c)
		}
	case <-time.After(harness.Patience):
		a.T.Error("re-INVITE was not answered")
	}
}

func TestDialogCalledByDiago(t *testing.T) {
	for _, ours := range []bool{false, true} {
		t.Run(fmt.Sprintf("our BYE %v", ours), func(t *testing.T) {
			a := harness.StartAgent(t)
			dg, port := harness.ForeignPhone(t)
			ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
			defer cancel()
			if err := dg.ServeBackground(ctx, func(*diago.DialogServerSession) {}); err != nil {
				t.Fatal(err)
			}
			harness.Awake(t, port)
			d, err := dg.Invite(ctx, sip.Uri{Scheme: "sip", User: "agent", Host: "127.0.0.1", Port: int(a.Addr.Port())},
				diago.InviteOptions{Headers: []sip.Header{
					sip.NewHeader("Supported", "timer"), sip.NewHeader("Session-Expires", "1800;refresher=uas")}})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			s := a.Its()
			a.Want("acked")
			if h := d.InviteResponse.GetHeader("Session-Expires"); h == nil || h.Value() != "1800;refresher=uas" {
				t.Errorf("Session-Expires in our 200: %v", h)
			}
			if err := d.ReInvite(ctx); err != nil {
				t.Fatalf("diago's re-INVITE: %v", err)
			}
			a.Want("request INVITE")
			a.Want("acked")
			reinvite(a, s) // as the refresh of the session timer does
			if ours {
				s.Do(func() { s.Bye(nil) })
				a.Want("ended bye remote=false")
				select {
				case <-d.Context().Done():
				case <-ctx.Done():
					t.Error("diago did not hear our BYE")
				}
				return
			}
			if err := d.Hangup(ctx); err != nil {
				t.Errorf("diago's BYE: %v", err)
			}
			a.Want("ended bye remote=true")
		})
	}
}

func TestDialogCallsDiago(t *testing.T) {
	for _, ours := range []bool{false, true} {
		t.Run(fmt.Sprintf("our BYE %v", ours), func(t *testing.T) {
			a := harness.StartAgent(t)
			dg, port := harness.ForeignPhone(t)
			ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
			defer cancel()
			up, hang, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			if err := dg.ServeBackground(ctx, func(d *diago.DialogServerSession) {
				if err := d.Answer(); err != nil {
					ended <- err
					return
				}
				close(up)
				select {
				case <-hang:
					ended <- d.Hangup(ctx)
				case <-d.Context().Done():
					ended <- nil
				case <-ctx.Done():
					ended <- ctx.Err()
				}
			}); err != nil {
				t.Fatal(err)
			}
			_, err := a.UA.Invite(dialog.Invite{Way: dialog.Way{URI: fmt.Sprintf("sip:diago@127.0.0.1:%d", port)}, From: "<sip:agent@127.0.0.1>",
				Content: a.SDP, Events: a.Sink()})
			if err != nil {
				t.Fatal(err)
			}
			s := a.Its()
			a.Want("answered")
			if !strings.Contains(string(s.Target()), fmt.Sprint(port)) {
				t.Errorf("remote target %s", s.Target())
			}
			select { // diago sets up its media after our ACK and takes no re-INVITE before
			case <-up:
			case err := <-ended:
				t.Fatalf("diago's answer: %v", err)
			}
			reinvite(a, s)
			if ours {
				s.Do(func() { s.Bye(nil) })
				a.Want("ended bye remote=false")
			} else {
				close(hang)
				a.Want("ended bye remote=true")
			}
			if err := <-ended; err != nil {
				t.Errorf("diago: %v", err)
			}
		})
	}
}
