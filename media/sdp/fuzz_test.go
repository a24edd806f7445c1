package sdp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seeds are descriptions of all kinds.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d golden files: %v", len(names), err)
	}
	var all [][]byte
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return append(all,
		[]byte("v=0\no=Cisco-SIPUA (null) (null) IN IP4 1.2.3.4\ns= \nt=0 0\nc=IN IP4 0.0.0.0\n\nm=video 36924 RTP/AVP\nm=audio 1/2 RTP/AVP 0 19"),
		[]byte(call("a=sendonly", "m=audio 4000 RTP/SAVP 0 101", "a=fmtp:101 0-15", "a=rtpmap:101 telephone-event/8000", "a=crypto:1 X inline:abcdefgh WSH=64", "a=rtcp:5 IN IP6 ::1", "a=ptime:2.5")),
		[]byte(call("m=image 5000 udptl t38", "a=T38FaxVersion:0", "m=audio 0 RTP/AVP 8")),
	)
}

// roundTrip checks that what is written reads the same and writes the same.
func roundTrip(t testing.TB, d *Description) {
	t.Helper()
	first := d.Append(nil)
	again, err := Parse(first)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%q", err, first)
	}
	if second := again.Append(nil); !bytes.Equal(first, second) {
		t.Fatalf("written twice:\n%q\n%q", first, second)
	}
	x, y := slices.Clone(d.Media), again.Media
	for i := range x {
		x[i].Line, y[i].Line = 0, 0
	}
	if len(x) != len(y) || len(x) > 0 && !reflect.DeepEqual(x, y) || !reflect.DeepEqual(d.Attributes, again.Attributes) ||
		d.Origin != again.Origin || d.Connection != again.Connection || d.Direction != again.Direction {
		t.Fatalf("read\n%+v\nagain\n%+v", d, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err == nil {
			if len(d.Media) > maxMedia {
				t.Fatalf("%d m-lines", len(d.Media))
			}
			for i := range d.Media {
				if d.Media[i].Hold() && !MayHold(b) {
					t.Fatalf("m-line %d is a hold, and MayHold says that none can be:\n%s", i+1, b)
				}
			}
			roundTrip(t, d)
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Status != 400 && e.Status != 488 || e.Reason == "" ||
			e.Line < 0 || e.Line > bytes.Count(b, []byte("\n"))+bytes.Count(b, []byte("\r"))+1 {
			t.Fatalf("error %#v", err)
		}
	})
}

func TestRoundTripSeeds(t *testing.T) {
	for _, s := range seeds(t) {
		roundTrip(t, parsed(t, string(s)))
	}
}

// TestRoundTripRandom is the same for descriptions made at random.
func TestRoundTripRandom(t *testing.T) {
	for seed := range uint64(2000) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		roundTrip(t, parsed(t, g.description()))
	}
}

// generator makes descriptions and lines, often odd ones.
type generator struct{ r *rand.Rand }

func (g generator) one(list ...string) string { return list[g.r.IntN(len(list))] }

func (g generator) chance(n int) bool { return g.r.IntN(n) == 0 }

var codecNames = []string{"PCMU/8000", "PCMA/8000", "opus/48000/2", "opus/48000", "telephone-event/8000", "telephone-event/48000",
	"CN/8000", "G729/8000", "G.729/8000", "G722/8000", "speex/16000", "PCMU/16000", "vnd.nuera.ecelp7470/8000", "AMR/8000"}

var videoNames = []string{"VP8/90000", "H264/90000", "rtx/90000", "red/90000"}

func (g generator) media() []string {
	kind := g.one("audio", "audio", "audio", "video", "image")
	if kind == "image" {
		return []string{"m=image " + g.one("0", "4000") + " udptl t38", "a=T38FaxVersion:0"}
	}
	names := codecNames
	if kind == "video" {
		names = videoNames
	}
	proto := g.one("RTP/AVP", "RTP/AVP", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/AVPF")
	var formats, lines []string
	for range g.r.IntN(6) {
		n := g.one("0", "8", "9", "18", "13", "96", "97", "98", "101", "111", "35")
		formats = append(formats, n)
		if g.chance(5) {
			continue
		}
		lines = append(lines, "a=rtpmap:"+n+" "+names[g.r.IntN(len(names))])
		if g.chance(2) {
			lines = append(lines, "a=fmtp:"+n+" "+g.one("0-15", "0-16", "annexb=no", "apt=96", "96/96", "octet-align=1", "packetization-mode=1"))
		}
	}
	for range g.r.IntN(4) {
		lines = append(lines, g.one("a=sendonly", "a=inactive", "a=recvonly", "a=sendrecv", "c=IN IP4 0.0.0.0", "c=IN IP6 2001:db8::5",
			"a=ptime:30", "a=rtcp-mux", "a=rtcp:4005", "a=mid:0", "a=mid:1", "a=bundle-only", "a=setup:actpass", "a=setup:active",
			"a=fingerprint:sha-256 AA:BB", "a=ice-ufrag:u", "a=ice-pwd:p", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcdefgh", "a=x-odd:1 2"))
	}
	head := "m=" + kind + " " + g.one("4000", "4000", "4002", "9", "0") + " " + proto
	for _, f := range formats {
		head += " " + f
	}
	return append([]string{head}, lines...)
}

func (g generator) description() string {
	lines := []string{"v=0", "o=" + g.one("a", "a", "a", "a", "b") + " 1 " + strconv.Itoa(g.r.IntN(9)) + " IN IP4 10.0.0.9", "s=-",
		"c=IN IP4 " + g.one("10.0.0.9", "10.0.0.9", "0.0.0.0"), "t=0 0"}
	if g.chance(4) {
		lines = append(lines, g.one("a=group:BUNDLE 0 1", "a=sendonly", "a=inactive", "a=fingerprint:sha-256 CC:DD", "a=ice-ufrag:s"))
	}
	for range g.r.IntN(4) {
		lines = append(lines, g.media()...)
	}
	return text(lines...)
}

func (g generator) lines() []Line {
	var all []Line
	for range g.r.IntN(4) {
		l := Line{Kind: g.one("audio", "audio", "audio", "video", "image", ""), Addr: here, Port: g.r.IntN(3) * 20000,
			Direction: Direction(g.r.IntN(5)), Ptime: g.r.IntN(3) * 10, Mux: g.chance(2), MID: g.one("", "0", "1")}
		names := codecNames
		if l.Kind == "video" {
			names = videoNames
		}
		if l.Kind == "image" {
			l.Proto, l.Formats = "udptl", []string{"t38"}
		}
		for range g.r.IntN(6) {
			name, clock, _ := strings.Cut(names[g.r.IntN(len(names))], "/")
			clock, _, _ = strings.Cut(clock, "/")
			rate, _ := strconv.Atoi(clock)
			l.Codecs = append(l.Codecs, Codec{Name: name, ClockRate: rate, PayloadType: []uint8{0, 96, 97, 101, 111, 200}[g.r.IntN(6)],
				Fmtp: g.one("", "", "apt=96", "0-16", "annexb=no", "octet-align=1")})
		}
		if g.chance(3) {
			l.Fingerprint, l.Setup = Fingerprint{"sha-256", "AA:BB"}, g.one("", "active", "passive")
		}
		if g.chance(3) {
			l.Crypto = []Crypto{{Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:ourskeys"}}
		}
		if g.chance(3) {
			l.ICE = ICE{Ufrag: "u", Pwd: "p", Lite: true}
		}
		if g.chance(6) {
			l.Extra = []Attribute{{"x-evil", "1\r\na=rtpmap:0 bad/1"}, {"imageattr", "96 send *"}}
		}
		all = append(all, l)
	}
	return all
}

// watch holds what must never be broken over a sequence of offers and answers.
type watch struct {
	t        *testing.T
	a        *Agent
	origin   Origin
	lastText string
	version  uint64
	meanings []map[string]Codec // of each m-line, by kind and number
	peer     *Description       // last agreed
}

// sent checks a description of ours.
func (w *watch) sent(d *Description, restarted bool) {
	w.t.Helper()
	roundTrip(w.t, d)
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
			w.meanings = append(w.meanings, map[string]Codec{})
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
		if g.Crypto != (Pair{}) && g.Fingerprint != (Fingerprint{}) ||
			DemandsSRTP(g.Proto) && g.Crypto == (Pair{}) && g.Fingerprint == (Fingerprint{}) {
			w.t.Fatalf("security %+v", g)
		}
		seen := map[uint8]bool{}
		for k, c := range g.Codecs {
			if seen[c.Receive] || local.Media[i].codec(c.Receive) == nil || remote.Media[i].codec(c.Send) == nil {
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
		_ = a.TakeOffer(parsed(w.t, g.description()))
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
				w.meanings[i] = map[string]Codec{} // another stream
			}
		}
		w.sent(d, w.peer != nil && !w.peer.Origin.Same(a.Remote().Origin))
		w.agreed(list)
		w.peer = a.Remote()
	case 3:
		s := g.description()
		if a.Local() != nil && g.chance(2) {
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
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		w := &watch{t: t, a: NewAgent(here)}
		for _, s := range steps[:min(len(steps), 40)] {
			w.step(g, int(s)%5)
		}
	})
}

// TestAgentRandom is the same for some thousand sequences, always.
func TestAgentRandom(t *testing.T) {
	for seed := range uint64(3000) {
		g := generator{rand.New(rand.NewPCG(seed, 3))}
		w := &watch{t: t, a: NewAgent(here)}
		for range 20 {
			w.step(g, g.r.IntN(5))
		}
	}
}

// TestTwoAgents lets two of ours talk: what one sends with is what the other
// receives by, and they agree on who may speak.
func TestTwoAgents(t *testing.T) {
	exchanges := 0
	for seed := range uint64(3000) {
		g := generator{rand.New(rand.NewPCG(seed, 4))}
		a, b := NewAgent(here), NewAgent(here)
		for range 6 {
			if g.chance(2) {
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
func (c AgreedCodec) sameButReferences(o Codec) bool {
	if c.references() || o.references() {
		return c.Canonical() == o.Canonical()
	}
	return c.Same(o)
}
