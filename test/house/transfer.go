package house

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// Notified takes the NOTIFYs of a REFER up to the last and returns their statuses.
func Notified(k *harness.Talker) (told []string) {
	k.T.Helper()
	for {
		m := k.Ok("NOTIFY", "", "")
		if ct := string(m.Get(sip.HdrContentType)); !strings.HasPrefix(ct, "message/sipfrag") {
			k.T.Errorf("a NOTIFY has a body of type %q", ct)
		}
		told = append(told, strings.TrimSpace(strings.TrimPrefix(string(m.Body()), "SIP/2.0 ")))
		if strings.HasPrefix(string(m.Get(sip.HdrSubscriptionState)), "terminated") {
			return told
		}
	}
}

// CalledBack is the INVITE by which somebody's phone is called back, in the name of who is
// still there.
func CalledBack(t *testing.T, phones map[string]*harness.Wire, who, by string) *sip.Message {
	t.Helper()
	back := phones[who].Request("INVITE")
	if from, _ := back.From(); !strings.HasPrefix(string(from.URI), "sip:"+by+"@") {
		t.Errorf("%s is called back by %s, want %s", who, from.URI, by)
	}
	return back
}
