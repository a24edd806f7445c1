package registration

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// answer is what of a response counts. It outlives the response.
type answer struct {
	code       int
	reason     string
	err        error // no response
	granted    time.Duration
	retryAfter time.Duration
	minExpires time.Duration
	realm      string // of the challenge
	gin        bool   // RFC 6140 is what it does not understand
	seq        uint32
	flow       transport.Flow
}

// read takes an answer from what became of a REGISTER that asked for so long, with
// a mark in its Contact.
func read(r uac.Reply, asked time.Duration, mark string) answer {
	a := answer{err: r.Err, seq: r.Seq, flow: r.Flow}
	if r.Message == nil {
		return a
	}
	a.code, a.reason = r.StatusCode(), string(r.ReasonPhrase())
	a.granted = granted(r.Message, asked, mark)
	if n, ok := r.RetryAfter(); ok {
		a.retryAfter = time.Duration(n) * time.Second
	}
	if n, ok := sip.ParseUint(r.Get(sip.HdrMinExpires), 1<<31); ok {
		a.minExpires = time.Duration(n) * time.Second
	}
	a.realm = realmOf(r.Message)
	a.gin = strings.Contains(strings.ToLower(string(r.Get(sip.HdrUnsupported))), "gin")
	return a
}

// granted is how long a registrar keeps our Contact (RFC 3261 §10.2.4): the one
// with our mark, since others may have registered the same address.
func granted(m *sip.Message, asked time.Duration, mark string) time.Duration {
	general, ok := m.Expires()
	found := asked
	if ok {
		found = time.Duration(general) * time.Second
	}
	for v := range m.Values(sip.HdrContact) {
		c, err := sip.ParseNameAddr(v)
		if err != nil || !strings.Contains(string(c.URI), mark) {
			continue
		}
		if text, ok := c.Param("expires"); ok {
			if n, ok := sip.ParseUint(text, 1<<31); ok {
				return time.Duration(n) * time.Second
			}
		}
		break
	}
	return found
}

func realmOf(m *sip.Message) string {
	for _, id := range [...]sip.HeaderID{sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate} {
		_, rest, ok := strings.Cut(string(m.Get(id)), `realm="`)
		if realm, _, end := strings.Cut(rest, `"`); ok && end {
			return realm
		}
	}
	return ""
}

// verdict is what follows from an answer.
type verdict struct {
	phase       Phase
	wait        time.Duration // until the next REGISTER
	why, remedy string
	next        bool // at the trunk's next address
}

// How soon a registration is tried again. What the provider cannot do is tried in
// growing steps (RFC 5626 §4.5); what it refuses much later, since many ban who
// asks on with a wrong password.
const (
	retryFirst   = 30 * time.Second
	silentFirst  = 4 * time.Second // it may be restarting
	retryMost    = 30 * time.Minute
	refusedFirst = 5 * time.Minute
	refusedMost  = 4 * time.Hour
	longestPause = 24 * time.Hour // however long a provider asks for
)

// judge says what follows from an answer of a trunk, the failed-th failure in a
// row if it is one.
func judge(t *gateways.Trunk, a answer, failed int) verdict {
	switch {
	case a.code/100 == 2 && a.granted > 0:
		return verdict{phase: Registered, wait: refresh(a.granted)}
	case a.code/100 == 2:
		return failing(a, failed, "the provider answered 200 and keeps no registration",
			"ask the provider whether another device is registered in its place")
	case a.code == 0:
		v := failing(a, failed, "no answer: "+text(a.err), "check the address of the trunk and the way there: tandem trunks show "+t.Name)
		v.next, v.wait = true, backOff(silentFirst, retryMost, failed)
		return v
	case a.code == 401 || a.code == 407:
		return unauthorised(t, a, failed)
	case a.code == 403:
		return refused(a, failed, "check user, password and account with the provider; it may have locked the line: tandem trunks set "+t.Name+" --user USER --secret-file FILE")
	case a.code == 404 || a.code == 604:
		return refused(a, failed, fmt.Sprintf("the provider does not know %s: correct the domain or the account: tandem trunks set %s --domain DOMAIN --account ACCOUNT", t.AddressOfRecord(), t.Name))
	case a.code == 420 && a.gin, a.code == 421 && t.Register == gateways.RegisterBulk:
		return refused(a, failed, "the provider does not register numbers in bulk: tandem trunks set "+t.Name+" --register line")
	case a.code == 429 || a.code == 503 || a.code == 500 || a.code == 504 || a.code == 408 || a.code == 480:
		v := failing(a, failed, answered(a), "nothing: it is tried again by itself; ask the provider when it lasts")
		v.next = a.code != 429
		return v
	case a.code/100 == 3:
		return refused(a, failed, "the provider is somewhere else now: ask for its address and set it: tandem trunks set "+t.Name+" --address ADDRESS")
	}
	return refused(a, failed, "ask the provider why, and quote the answer")
}

func unauthorised(t *gateways.Trunk, a answer, failed int) verdict {
	const set = "tandem trunks set "
	switch {
	case t.Digest.User == "" || t.Digest.Secret == "":
		return refused(a, failed, "the provider asks for a password and the trunk has none: "+set+t.Name+" --user USER --secret-file FILE")
	case t.Digest.Realm != "" && a.realm != "" && a.realm != t.Digest.Realm:
		return refused(a, failed, fmt.Sprintf("the provider asks for the realm %q and the trunk has %q: %s%s --realm %q", a.realm, t.Digest.Realm, set, t.Name, a.realm))
	}
	return refused(a, failed, fmt.Sprintf("user %q or its password is wrong: %s%s --user USER --secret-file FILE", t.Digest.User, set, t.Name))
}

func refused(a answer, failed int, remedy string) verdict {
	return verdict{phase: Refused, wait: cmp.Or(pause(a), backOff(refusedFirst, refusedMost, failed)), why: answered(a), remedy: remedy}
}

func failing(a answer, failed int, why, remedy string) verdict {
	return verdict{phase: Failing, wait: cmp.Or(pause(a), backOff(retryFirst, retryMost, failed)), why: why, remedy: remedy}
}

func answered(a answer) string {
	return strings.TrimSpace(fmt.Sprintf("the provider answered %d %s", a.code, a.reason))
}

func text(err error) string {
	if err == nil {
		return "silence"
	}
	return err.Error()
}

// pause is what the provider asked for, and a little more so that not all come
// back at once.
func pause(a answer) time.Duration {
	if a.retryAfter <= 0 {
		return 0
	}
	p := min(a.retryAfter, longestPause)
	return p + rand.N(p/10+time.Second)
}

// backOff is half to all of first, doubled with each failure (RFC 5626 §4.5).
func backOff(first, most time.Duration, failed int) time.Duration {
	d := min(most, first<<min(failed-1, 16))
	return d/2 + rand.N(d/2)
}

// refresh is when a registration granted for so long is refreshed: in time for
// several more attempts.
func refresh(granted time.Duration) time.Duration {
	d := granted / 2
	if granted > 10*time.Minute {
		d = granted - 5*time.Minute
	}
	return d - rand.N(d/10+1)
}
