package calls

import (
	"context"
	"testing"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo/sip"

	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	oursip "tandem/rtc/sip"
	"tandem/test/harness"
)

// diago refers our side of a call and hears how the reference goes.
func TestReferByDiago(t *testing.T) {
	a := harness.StartAgent(t)
	dg, port := harness.ForeignPhone(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
	defer cancel()
	if err := dg.ServeBackground(ctx, func(*diago.DialogServerSession) {}); err != nil {
		t.Fatal(err)
	}
	harness.Awake(t, port)
	d, err := dg.Invite(ctx, sip.Uri{Scheme: "sip", User: "agent", Host: "127.0.0.1", Port: int(a.Addr.Port())}, diago.InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := a.Its()
	a.Want("acked")
	target := make(chan string, 1)
	s.Do(func() {
		s.Events.Request = func(_ *dialog.Session, in *dialog.Incoming) {
			if in.Method() != oursip.REFER {
				in.Respond(405, dialog.Content{})
				return
			}
			r, err := refer.Accept(in)
			if err != nil {
				t.Error(err)
				return
			}
			target <- r.URI
			s.Lane().After(100*time.Millisecond, func() { r.Progress(180, "") })
			s.Lane().After(200*time.Millisecond, func() { r.Finish(200, "") })
		}
	})
	codes := make(chan int, 8)
	if err := d.ReferOptions(ctx, sip.Uri{Scheme: "sip", User: "carol", Host: "example.com"}, diago.ReferClientOptions{OnNotify: func(code int) { codes <- code }}); err != nil {
		t.Fatalf("diago's REFER: %v", err)
	}
	if got := <-target; got != "sip:carol@example.com" {
		t.Errorf("referred to %s", got)
	}
	for _, want := range []int{100, 180, 200} {
		select {
		case got := <-codes:
			if got != want {
				t.Errorf("diago was told %d, want %d", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("diago was not told %d", want)
		}
	}
	if err := d.Hangup(ctx); err != nil {
		t.Errorf("diago's BYE: %v", err)
	}
	a.Want("ended bye remote=true")
}
