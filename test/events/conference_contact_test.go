package events

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
	"tandem/test/house"
)

// Who is in a conference subscribes to it at the Contact that he was told (RFC 4579 §5.1),
// however he came there, and his requests there reach it.
func TestRFC4579ContactOfAConference(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if err := house.CallOf(r, "alice").Confer(harness.Soon(t), "77"); err != nil {
		t.Fatal(err)
	}
	in := map[*harness.Talker]*sip.Message{b: b.Asks("OPTIONS", "", "")}
	c := r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, 31010)
	in[c] = c.Connected()
	r.User("dave")
	d := r.Dial(t, "tcp")
	d.Register("dave")
	refer := phones["carol"].Ask("REFER", "carol", "sip:*677@"+harness.Domain, "Refer-To: <sip:dave@"+harness.Domain+">\n", "")
	called := &harness.Talker{Wire: d, User: "dave", Port: 31020, Seq: 10}
	invite := d.Request("INVITE")
	called.Accept(invite)
	d.Request("ACK")
	wantCode(t, phones["carol"].Final(refer, "REFER"), 202)
	in[called] = invite
	for k, m := range in {
		uri, _, _ := strings.Cut(strings.TrimPrefix(value(m, "Contact"), "<"), ">")
		if !strings.HasPrefix(uri, "sip:*677@127.0.0.1:") {
			t.Errorf("%s is told Contact %s", k.User, value(m, "Contact"))
		}
		var w *harness.Watcher
		harness.Wait(t, k.User+" may watch", func() bool { // a moment after he is seated
			w, m = r.Subscribes(r.Dial(t, "tcp"), k.User, strings.TrimPrefix(uri, "sip:"), "conference", "", "")
			return m.StatusCode() == 200
		})
		if contact := value(m, "Contact"); !strings.HasPrefix(contact, "<sip:*677@") {
			t.Errorf("the subscription has Contact %s", contact)
		}
		text := string(w.Until(`entity="sip:*677@` + harness.Domain + `"`).Body())
		if !strings.Contains(text, "sip:"+k.User+"@"+harness.Domain) {
			t.Errorf("%s is told %s", k.User, text)
		}
		wantCode(t, again(w, "Expires: 600"), 200)
		k.Target = uri
		wantCode(t, k.Asks("OPTIONS", "", ""), 200)
		k.HangsUp()
	}
	a.HangsUp()
	wantCode(t, c.Asks("BYE", "", ""), 481) // there is nothing any more
	r.NothingLeft(t)
}

// An OPTIONS in a dialog that is invented reaches nobody without credentials.
func TestInventedDialogLeadsNowhere(t *testing.T) {
	r, phones := house.Start(t)
	x := r.Dial(t, "udp")
	id := harness.Unique()
	x.Send(harness.CRLF("OPTIONS " + harness.BobURI + " SIP/2.0\nVia: " + x.Via() + "\nMax-Forwards: 70\nFrom: <" + harness.AliceURI + ">;tag=1\nTo: <" +
		harness.BobURI + ">;tag=invented\nCall-ID: " + id + "\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"))
	wantCode(t, x.Final(id, "OPTIONS"), 407)
	house.Silent(t, "bob", phones["bob"])
}
