package dialog

import (
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Who sent a request is told with it.
func TestIdentityOfSender(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		carol := &rtc.Identity{AOR: "sip:carol@example.com", Method: rtc.AuthDigest}
		bob.identity = carol
		tag := string(answeredRaw(w, bob, raw).ToTag())
		if bob.in.Identity != carol {
			t.Errorf("the INVITE is of %v", bob.in.Identity)
		}
		bob.identity = nil
		raw.say(bob, inside("INFO", "c1", "i1", tag, "11"))
		if bob.in.Method() != sip.INFO || bob.in.Identity != nil {
			t.Errorf("%s is of %v", bob.in.MethodName(), bob.in.Identity)
		}
		bob.identity = carol
		raw.say(bob, inside("REFER", "c1", "r1", tag, "12", "Refer-To: <sip:x@y>"))
		if bob.in.Method() != sip.REFER || bob.in.Identity != carol {
			t.Errorf("%s is of %v", bob.in.MethodName(), bob.in.Identity)
		}
	})
}

// Requests in dialogs of before a restart are recognised by our tag in them;
// those in dialogs of others are left to the next handler.
func TestAfterRestart(t *testing.T) {
	bubble(t, func(w *world) {
		key := []byte("a key that survives the restart")
		bob, raw := w.agent("bob", 2, Config{Key: key}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		bob = w.agent("bob", 2, Config{Key: key}) // knows nothing of it
		for i, method := range []string{"BYE", "INVITE", "UPDATE", "INFO", "REFER", "ACK"} {
			raw.say(bob, inside(method, "c1", "r"+method, tag, string(rune('1'+i))+"1", "Contact: <sip:raw@10.0.0.9>"))
		}
		raw.say(bob, inside("BYE", "c2", "x1", tag, "50"))                      // of another Call-ID
		raw.say(bob, inside("BYE", "c1", "x2", tag[:len(tag)-1]+"-", "51"))     // of another tag
		raw.say(bob, inside("BYE", "c1", "x3", "0123456789012345678901", "52")) // a stranger's
		raw.say(bob, inside("BYE", "c1", "x4", "012345678901234567890", "53"))  // as long as ours
		w.want("raw>bob BYE", "bob>raw 481 BYE", "raw>bob INVITE", "bob>raw 481 INVITE", "raw>bob UPDATE", "bob>raw 481 UPDATE",
			"raw>bob INFO", "bob>raw 481 INFO", "raw>bob REFER", "bob>raw 481 REFER", "raw>bob ACK",
			"raw>bob BYE", "bob>raw 404 BYE", "raw>bob BYE", "bob>raw 404 BYE", "raw>bob BYE", "bob>raw 404 BYE", "raw>bob BYE", "bob>raw 404 BYE")
		bob.wantEvents()
	})
}

// The tags of calls of ours are recognised alike.
func TestAfterRestartOfCaller(t *testing.T) {
	bubble(t, func(w *world) {
		key := []byte("a key that survives the restart")
		alice, raw := w.agent("alice", 1, Config{Key: key}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		inv := raw.one("INVITE")
		raw.reply(alice, inv, 200, "r", Content{Header: contactOf("10.0.0.9:5060"), Type: "application/sdp", Body: []byte("answer")})
		alice = w.agent("alice", 1, Config{Key: key})
		w.lines()
		raw.say(alice, `
BYE sip:alice@10.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx
Max-Forwards: 70
From: `+string(inv.Get(sip.HdrTo))+`;tag=r
To: `+string(inv.Get(sip.HdrFrom))+`
Call-ID: `+string(inv.CallID())+`
CSeq: 7 BYE`)
		w.want("raw>alice BYE", "alice>raw 481 BYE")
	})
}
