package exchange

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem/media/sdp"
	"tandem/media/sdp/sdptest/odd"
)

func (g generator) lines() []Line {
	var all []Line
	for range g.R.IntN(4) {
		l := Line{Kind: g.One("audio", "audio", "audio", "video", "image", ""), Addr: here, Port: g.R.IntN(3) * 20000,
			Direction: sdp.Direction(g.R.IntN(5)), Ptime: g.R.IntN(3) * 10, Mux: g.Chance(2), MID: g.One("", "0", "1")}
		names := odd.Codecs
		if l.Kind == "video" {
			names = odd.Videos
		}
		if l.Kind == "image" {
			l.Proto, l.Formats = "udptl", []string{"t38"}
		}
		for range g.R.IntN(6) {
			name, clock, _ := strings.Cut(names[g.R.IntN(len(names))], "/")
			clock, _, _ = strings.Cut(clock, "/")
			rate, _ := strconv.Atoi(clock)
			l.Codecs = append(l.Codecs, sdp.Codec{Name: name, ClockRate: rate, PayloadType: []uint8{0, 96, 97, 101, 111, 200}[g.R.IntN(6)],
				Fmtp: g.One("", "", "apt=96", "0-16", "annexb=no", "octet-align=1")})
		}
		if g.Chance(3) {
			l.Fingerprint, l.Setup = sdp.Fingerprint{Hash: "sha-256", Value: "AA:BB"}, g.One("", "active", "passive")
		}
		if g.Chance(3) {
			l.Crypto = []sdp.Crypto{{Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:ourskeys"}}
		}
		if g.Chance(3) {
			l.ICE = sdp.ICE{Ufrag: "u", Pwd: "p", Lite: true}
		}
		if g.Chance(6) {
			l.Extra = []sdp.Attribute{{Name: "x-evil", Value: "1\r\na=rtpmap:0 bad/1"}, {Name: "imageattr", Value: "96 send *"}}
		}
		all = append(all, l)
	}
	return all
}

// generator makes lines of ours, often odd ones, and descriptions.
type generator struct{ odd.Maker }

func newGenerator(seed, stream uint64) generator {
	return generator{odd.Maker{R: rand.New(rand.NewPCG(seed, stream))}}
}

// watch holds what must never be broken over a sequence of offers and answers.
type watch struct {
	t        *testing.T
	a        *Agent
	origin   sdp.Origin
	lastText string
	version  uint64
	meanings []map[string]sdp.Codec // of each m-line, by kind and number
	peer     *sdp.Description       // last agreed
}

// sent checks a description of ours.
func (w *watch) sent(d *sdp.Description, restarted bool) {
	w.t.Helper()
	odd.RoundTrip(w.t, d)
	version, err := strconv.ParseUint(d.Origin.Version, 10, 64)
	text := written(d)
	o := d.Origin
	o.Version = ""
	switch {
	case err != nil, w.lastText != "" && o != w.origin:
		w.t.Fatalf("o= %+v after %+v", d.Origin, w.origin)
	case w.lastText != "" && text != w.lastText && version != w.version+1, text == w.lastText && version != w.version:
		w.t.Fatalf("version %d after %d:\n%s\n%s", version, w.version, w.lastText, text)
	}
	w.origin, w.lastText, w.version = o, text, version
	if restarted {
		w.meanings = nil
	}
	for i := range d.Media {
		m := &d.Media[i]
		for len(w.meanings) <= i {
			w.meanings = append(w.meanings, map[string]sdp.Codec{})
		}
		if !m.RTP() {
			continue
		}
		if m.Port == 0 {
			continue // its formats mean nothing
		}
		for _, c := range m.Codecs {
			key := m.Kind + " " + sprintNumber(c.PayloadType)
			if before, ok := w.meanings[i][key]; ok && c.Name != "" && !before.Same(c) {
				w.t.Fatalf("line %d: %d meant %+v and now %+v\n%s", i, c.PayloadType, before, c, d)
			}
			if c.Name != "" {
				w.meanings[i][key] = c
			}
		}
	}
}

func (w *watch) agreed(list []Agreed) {
	w.t.Helper()
	local, remote := w.a.Local(), w.a.Remote()
	for i, g := range list {
		if !g.Enabled {
			if len(g.Codecs) > 0 || g.CanSend || g.CanReceive || g.Remote.IsValid() {
				w.t.Fatalf("switched off, yet %+v", g)
			}
			continue
		}
		if g.Media != &remote.Media[i] || local.Media[i].Port == 0 || g.Ptime < 1 || g.Ptime > 200 {
			w.t.Fatalf("agreed %+v", g)
		}
		if g.Crypto != (Pair{}) && g.Fingerprint != (sdp.Fingerprint{}) ||
			sdp.DemandsSRTP(g.Proto) && g.Crypto == (Pair{}) && g.Fingerprint == (sdp.Fingerprint{}) {
			w.t.Fatalf("security %+v", g)
		}
		seen := map[uint8]bool{}
		for k, c := range g.Codecs {
			if seen[c.Receive] || codec(&local.Media[i], c.Receive) == nil || codec(&remote.Media[i], c.Send) == nil {
				w.t.Fatalf("numbers %s of\n%s\n%s", numbersOf(g), local, remote)
			}
			if found, _ := g.Find(c.Receive); found.Receive != c.Receive || k > 0 && c.Main() && !g.Codecs[k-1].Main() {
				w.t.Fatalf("order of %s", numbersOf(g))
			}
			seen[c.Receive] = true
		}
	}
}

// step does one thing to the agent and checks what comes of it.
func (w *watch) step(g generator, what int) {
	w.t.Helper()
	a := w.a
	switch what {
	case 0:
		before := 0
		if a.agreedLocal != nil {
			before = len(a.agreedLocal.Media)
		}
		d, err := a.Offer(g.lines())
		if err != nil {
			return
		}
		if len(d.Media) < before {
			w.t.Fatalf("%d m-lines after %d", len(d.Media), before)
		}
		w.sent(d, false)
	case 1:
		_ = a.TakeOffer(parsed(w.t, g.Description()))
	case 2:
		alive := slices.Clone(a.alive)
		d, list, err := a.Answer(g.lines())
		if err != nil {
			return
		}
		if len(d.Media) != len(a.Remote().Media) || len(list) != len(d.Media) {
			w.t.Fatalf("%d m-lines answer %d", len(d.Media), len(a.Remote().Media))
		}
		for i := range w.meanings {
			if i < len(d.Media) && (i >= len(alive) || !alive[i]) {
				w.meanings[i] = map[string]sdp.Codec{} // another stream
			}
		}
		w.sent(d, w.peer != nil && !w.peer.Origin.Same(a.Remote().Origin))
		w.agreed(list)
		w.peer = a.Remote()
	case 3:
		s := g.Description()
		if a.Local() != nil && g.Chance(2) {
			s = strings.Replace(written(a.Local()), "o=- ", "o=a ", 1) // our own words back
		}
		if list, err := a.TakeAnswer(parsed(w.t, s)); err == nil {
			w.agreed(list)
			w.peer = a.Remote()
		}
	case 4:
		a.Rollback()
	}
}

// FuzzAgent does offers and answers in any order: nothing panics, and no number
// ever means two things in what we write.
func FuzzAgent(f *testing.F) {
	f.Add(uint64(1), []byte{0, 3, 0, 3, 1, 2, 1, 2})
	f.Add(uint64(2), []byte{1, 2, 0, 4, 0, 3, 1, 4, 1, 2})
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		g := newGenerator(seed, 2)
		w := &watch{t: t, a: NewAgent(here)}
		for _, s := range steps[:min(len(steps), 40)] {
			w.step(g, int(s)%5)
		}
	})
}

// TestAgentRandom is the same for some thousand sequences, always.
func TestAgentRandom(t *testing.T) {
	for seed := range uint64(3000) {
		g := newGenerator(seed, 3)
		w := &watch{t: t, a: NewAgent(here)}
		for range 20 {
			w.step(g, g.R.IntN(5))
		}
	}
}

// TestTwoAgents lets two of ours talk: what one sends with is what the other
// receives by, and they agree on who may speak.
func TestTwoAgents(t *testing.T) {
	exchanges := 0
	for seed := range uint64(3000) {
		g := newGenerator(seed, 4)
		a, b := NewAgent(here), NewAgent(here)
		for range 6 {
			if g.Chance(2) {
				a, b = b, a
			}
			d, err := a.Offer(g.lines())
			if err != nil {
				continue
			}
			if err := b.TakeOffer(parsed(t, written(d))); err != nil {
				a.Rollback()
				continue
			}
			e, theirs, err := b.Answer(append(g.lines(), g.lines()...))
			if err != nil {
				a.Rollback()
				b.Rollback()
				continue
			}
			ours, err := a.TakeAnswer(parsed(t, written(e)))
			if err != nil {
				t.Fatalf("seed %d: our own answer is refused: %v\n%s\n%s", seed, err, d, e)
			}
			for i := range ours {
				x, y := ours[i], theirs[i]
				if x.Enabled != y.Enabled {
					t.Fatalf("seed %d line %d: %s / %s\n%s\n%s", seed, i, x.Refusal, y.Refusal, d, e)
				}
				if !x.Enabled {
					continue
				}
				exchanges++
				if x.CanSend != y.CanReceive || x.CanReceive != y.CanSend || x.Mux != y.Mux || x.Crypto.Ours.Key != y.Crypto.Theirs.Key ||
					(x.Setup == "") != (y.Setup == "") || x.Setup != "" && x.Setup == y.Setup || len(x.Codecs) != len(y.Codecs) {
					t.Fatalf("seed %d: they differ\n%+v\n%+v\n%s\n%s", seed, x, y, d, e)
				}
				for k := range x.Codecs {
					if p, q := x.Codecs[k], y.Codecs[k]; p.Send != q.Receive || p.Receive != q.Send || !p.sameButReferences(q.Codec) {
						t.Fatalf("seed %d: %s\nand %s\n%s\n%s", seed, numbersOf(x), numbersOf(y), d, e)
					}
				}
			}
		}
	}
	if exchanges < 1000 {
		t.Errorf("only %d m-lines were agreed on", exchanges)
	}
}

// sameButReferences compares formats of two ends, whose numbers differ.
func (c AgreedCodec) sameButReferences(o sdp.Codec) bool {
	if references(c.Codec) || references(o) {
		return c.Canonical() == o.Canonical()
	}
	return c.Same(o)
}
