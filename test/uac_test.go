package test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	icholy "github.com/icholy/digest"

	"tandem/rtc/dialog"
	"tandem/rtc/digest"
	"tandem/rtc/uac"
	"tandem/test/harness"
)

// Our REGISTER and MESSAGE are challenged by a server that sipgo makes, and
// the credentials are verified by an implementation that is not ours.
func TestClientAtSipgo(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256", "SHA-512-256"} {
		t.Run(algorithm, func(t *testing.T) {
			port, challenges := challengingServer(t, algorithm)
			a := harness.StartAgent(t)
			login := digest.One(digest.Login{User: "trunk", Password: "secret"})
			for i, want := range []string{"REGISTER 200 seq=8", "MESSAGE 200 seq=1"} {
				o := uac.Outside{Method: "REGISTER", Way: dialog.Way{URI: fmt.Sprintf("sip:127.0.0.1:%d", port)}, From: "<sip:trunk@example.com>",
					To: "<sip:trunk@example.com>", CallID: "registration", Seq: 7, Contact: &uac.Contact{User: "trunk"}, Auth: login}
				if i == 1 { // with credentials from the start
					o = uac.Outside{Method: "MESSAGE", Way: o.Way, From: o.From, Auth: login, Content: uac.Content{Type: "text/plain", Body: []byte("hello")}}
				}
				got := make(chan string, 1)
				if err := a.UA.Send(o, func(r uac.Reply) {
					if r.Message == nil {
						got <- r.Err.Error()
						return
					}
					got <- fmt.Sprintf("%s %d seq=%d", o.Method, r.StatusCode(), r.Seq)
				}); err != nil {
					t.Fatal(err)
				}
				select {
				case s := <-got:
					if s != want {
						t.Errorf("%s, want %s", s, want)
					}
				case <-time.After(harness.Patience):
					t.Fatal("no answer")
				}
			}
			if n := challenges.Load(); n != 1 {
				t.Errorf("challenged %d times, want once", n)
			}
		})
	}
}

// challengingServer answers 200 to who knows the password.
func challengingServer(t *testing.T, algorithm string) (port int, challenges *atomic.Int32) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ua, err := sipgo.NewUA()
	if err != nil {
		t.Fatal(err)
	}
	srv, err := sipgo.NewServer(ua)
	if err != nil {
		t.Fatal(err)
	}
	challenges = new(atomic.Int32)
	challenge := icholy.Challenge{Realm: "example.com", Nonce: "once", Opaque: "dark", Algorithm: algorithm, QOP: []string{"auth"}}
	handle := func(req *sip.Request, tx sip.ServerTransaction) {
		h := req.GetHeader("Authorization")
		if h == nil {
			challenges.Add(1)
			res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
			res.AppendHeader(sip.NewHeader("WWW-Authenticate", challenge.String()))
			_ = tx.Respond(res)
			return
		}
		code := 403
		if got, err := icholy.ParseCredentials(h.Value()); err == nil {
			want, err := icholy.Digest(&challenge, icholy.Options{Method: req.Method.String(), URI: got.URI, Username: "trunk", Password: "secret", Cnonce: got.Cnonce, Count: got.Nc})
			if err == nil && want.Response == got.Response && got.URI == req.Recipient.String() {
				code = 200
			}
		}
		_ = tx.Respond(sip.NewResponseFromRequest(req, code, "Verified", nil))
	}
	srv.OnRegister(handle)
	srv.OnMessage(handle)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeUDP(pc)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = ua.Close()
		_ = pc.Close()
		<-done
	})
	return pc.LocalAddr().(*net.UDPAddr).Port, challenges
}
