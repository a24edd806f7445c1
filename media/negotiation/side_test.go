package negotiation

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tandem/media/sdp"
	"tandem/media/secure"
)

const head = "v=0\no=x 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"

func parse(t *testing.T, text string) *sdp.Description {
	t.Helper()
	d, err := sdp.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return d
}

// carrier keeps what it was asked to carry, at ports that count up.
type carrier struct {
	plans []Plan
	keys  []secure.Key
}

func (c *carrier) carry(i int, _ string, p Plan) (Carriage, error) {
	if i != len(c.plans) {
		return Carriage{}, fmt.Errorf("m-line %d comes at place %d", i, len(c.plans))
	}
	c.plans = append(c.plans, p)
	if p.Off {
		return Carriage{}, nil
	}
	port := uint16(40000 + 2*i)
	return Carriage{Addr: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), port), RTCPPort: int(port) + 1, Keys: c.keys}, nil
}

// offers makes a side that has offered.
func offers(t *testing.T, text string) *Side {
	t.Helper()
	d := new(Side)
	d.Begin(netip.MustParseAddr("192.0.2.9"), Want{})
	if _, err := d.TakeOffer(parse(t, text)); err != nil {
		t.Fatal(err)
	}
	return d
}

func nothing(int) Standing { return Standing{} }

// One side offers plain audio, the other is to be protected: it is offered keys at the
// ports that carry it, and agrees; the first is answered in what it offered.
func TestOfferAndAnswer(t *testing.T) {
	a, b := offers(t, head+"m=audio 4000 RTP/AVP 0\n"), new(Side)
	key, err := secure.NewKey(secure.Mandatory)
	if err != nil {
		t.Fatal(err)
	}
	b.Begin(netip.MustParseAddr("192.0.2.9"), Want{Security: secure.SDES})
	toB := carrier{keys: []secure.Key{key}}
	text, lines, err := b.Offer(a, nothing, toB.carry)
	if err != nil {
		t.Fatal(err)
	}
	if m := parse(t, string(text)).Media[0]; len(lines) != 1 || m.Proto != "RTP/SAVP" || m.Port != 40000 || len(m.Crypto) != 1 || m.Crypto[0].Key != key.Inline() {
		t.Errorf("offered\n%s", text)
	}
	another, err := b.TakeAnswer(parse(t, head+"m=audio 5000 RTP/SAVP 0\na=crypto:1 "+string(key.Profile)+" "+key.Inline()+"\n"))
	if err != nil || another {
		t.Fatalf("the first answer is another party's: %v, %v", another, err)
	}
	if got := b.Agreed(); len(got) != 1 || !got[0].Enabled || got[0].Remote.Port() != 5000 {
		t.Errorf("agreed to %+v", got)
	}
	var toA carrier
	if text, err = a.Answer(b, toA.carry); err != nil {
		t.Fatal(err)
	}
	if m := parse(t, string(text)).Media[0]; m.Proto != "RTP/AVP" || m.Port != 40000 || len(toA.plans) != 1 || toA.plans[0].Security != secure.Plain {
		t.Errorf("answered\n%s", text)
	}
	if a.Awaits() || a.Stale(b) || b.Stale(a) {
		t.Error("both know all they need")
	}
	if another, err = b.TakeAnswer(parse(t, strings.Replace(head, "x 1 1", "y 2 1", 1)+"m=audio 5000 RTP/SAVP 0\na=crypto:1 "+string(key.Profile)+" "+key.Inline()+"\n")); err != nil || !another {
		t.Errorf("an answer of another party is taken for the first one's: %v", err)
	}
}

// What was agreed before is kept by an offer that says nothing else.
func TestStanding(t *testing.T) {
	a := offers(t, head+"m=audio 4000 RTP/AVP 0\n")
	for _, c := range []struct {
		want   secure.Keying
		before Standing
		plan   secure.Keying
	}{
		{AsOther, Standing{}, secure.Plain},
		{AsOther, Standing{Security: secure.SDES, Mux: true}, secure.SDES},
		{secure.Plain, Standing{Security: secure.SDES, Mux: true}, secure.Plain},
	} {
		b, to := new(Side), carrier{keys: make([]secure.Key, 1)}
		to.keys[0].Profile = secure.Mandatory
		b.Begin(netip.MustParseAddr("192.0.2.9"), Want{Security: c.want})
		if _, _, err := b.Offer(a, func(int) Standing { return c.before }, to.carry); err != nil {
			t.Fatal(err)
		}
		if p := to.plans[0]; p.Security != c.plan || p.Mux != c.before.Mux {
			t.Errorf("wanted %q after %+v: planned %+v", c.want, c.before, p)
		}
	}
}

// Each m-line keeps its place, wherever what carries nothing stands.
func TestPlaces(t *testing.T) {
	tcp, audio, off := "m=message 4010 TCP/MSRP *\na=path:msrp://192.0.2.1:4010/s;tcp\n", "m=audio 4000 RTP/AVP 0\n", "m=video 0 RTP/AVP 96\n"
	for _, lines := range []string{tcp + audio, audio + tcp, off + audio + tcp, off + tcp + off + audio} {
		var alone carrier
		text, err := offers(t, head+lines).Answer(new(Side), alone.carry)
		if err != nil {
			t.Errorf("alone: %v\n%s", err, lines)
			continue
		}
		for i, m := range parse(t, string(text)).Media {
			if on := m.Kind == "audio"; on != (m.Port != 0) || on == alone.plans[i].Off {
				t.Errorf("m-line %d of\n%s", i+1, text)
			}
		}
		var to carrier
		b := new(Side)
		b.Begin(netip.MustParseAddr("192.0.2.9"), Want{})
		if _, _, err := b.Offer(offers(t, head+lines), nothing, to.carry); err != nil || len(to.plans) != strings.Count(lines, "m=") {
			t.Errorf("offered on: %v\n%s", err, lines)
		}
	}
}
