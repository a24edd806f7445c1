package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/media/codec"
	"tandem/media/quality"
	"tandem/media/sdp"
	"tandem/media/secure"
	"tandem/media/sound"
)

// frame is the packet time of what is spoken.
const frame = 20 * time.Millisecond

// end is one end of the call.
type end struct {
	conn   *net.UDPConn
	codec  sdp.Codec
	format codec.Format
	freq   float64
	rate   int // of what is spoken
	key    secure.Key
	in     *secure.Context
	out    *secure.Context
	to     netip.AddrPort
	closed sync.Once

	spoke time.Time // when the first packet left
	sent  int
	stats quality.Inbound
	heard []int16 // at 8000 Hz
	first time.Time
}

// known are the codecs that can be tried, as SDP names them.
var known = []sdp.Codec{
	{PayloadType: 0, Name: "PCMU", ClockRate: 8000, Channels: 1}, {PayloadType: 8, Name: "PCMA", ClockRate: 8000, Channels: 1},
	{PayloadType: 9, Name: "G722", ClockRate: 8000, Channels: 1}, {PayloadType: 96, Name: "opus", ClockRate: 48000, Channels: 2},
}

// Codecs lists the names that can be tried.
func Codecs() []string {
	var names []string
	for _, c := range known {
		names = append(names, c.Name)
	}
	return names
}

func newEnd(bind netip.Addr, name string, freq float64, protect bool) (*end, error) {
	e := &end{freq: freq}
	for _, c := range known {
		if strings.EqualFold(name, c.Name) {
			e.codec = c
		}
	}
	if e.codec.Name == "" {
		return nil, fmt.Errorf("the codec %q cannot be tried; use one of %v", name, Codecs())
	}
	e.format, _ = codec.Find(e.codec.Name, e.codec.ClockRate, e.codec.Channels)
	e.rate = min(e.format.Native, 48000)
	if err := e.format.CanEncode(); err != nil {
		return nil, fmt.Errorf("%s cannot be encoded here: %w", e.codec.Name, err)
	}
	e.stats.Clock = e.codec.ClockRate
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(bind, 0)))
	if err != nil {
		return nil, fmt.Errorf("opening a media port: %w", err)
	}
	e.conn = conn
	if protect {
		if e.key, err = secure.NewKey("AES_CM_128_HMAC_SHA1_80"); err == nil {
			e.out, err = secure.NewContext(e.key)
		}
	}
	return e, err
}

func (e *end) close() { e.closed.Do(func() { _ = e.conn.Close() }) }

// description is the end's SDP, as a plain telephone writes it.
func (e *end) description() string {
	a := e.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	m := sdp.Media{
		Kind: "audio", Port: int(a.Port()), Proto: "RTP/AVP", Connection: a.Addr().Unmap(),
		Formats:    []string{strconv.Itoa(int(e.codec.PayloadType))},
		Attributes: []sdp.Attribute{{Name: "rtpmap", Value: e.rtpmap()}},
	}
	if e.out != nil {
		m.Proto = "RTP/SAVP"
		m.Attributes = append(m.Attributes, sdp.Attribute{Name: "crypto", Value: fmt.Sprintf("1 %s %s", e.key.Profile, e.key.Inline())})
	}
	d := sdp.Description{Origin: sdp.Origin{User: "probe", ID: "1", Version: "1", Host: a.Addr().Unmap().String()}, Name: "-", Media: []sdp.Media{m}}
	return string(d.Append(nil))
}

func (e *end) rtpmap() string {
	s := fmt.Sprintf("%d %s/%d", e.codec.PayloadType, e.codec.Name, e.codec.ClockRate)
	if e.codec.Channels > 1 {
		s += fmt.Sprintf("/%d", e.codec.Channels)
	}
	return s
}

// use takes what the relay says to this end: where to send, and with what.
func (e *end) use(text string) error {
	d, err := sdp.Parse([]byte(text))
	if err != nil {
		return err
	}
	if len(d.Media) == 0 || d.Media[0].Port == 0 {
		return errors.New("the relay refuses the audio")
	}
	m := d.Media[0]
	e.to = netip.AddrPortFrom(m.Connection, uint16(m.Port))
	found := false
	for _, c := range m.Codecs {
		if c.Same(e.codec) {
			e.codec.PayloadType, found = c.PayloadType, true
		}
	}
	if !found {
		return fmt.Errorf("the relay does not offer %s", e.codec.Name)
	}
	if e.out == nil {
		return nil
	}
	if len(m.Crypto) == 0 {
		return errors.New("the relay sends no key back")
	}
	theirs, err := secure.ParseKey(m.Crypto[0].Suite, m.Crypto[0].Key)
	if err == nil {
		e.in, err = secure.NewContext(theirs)
	}
	return err
}

// speak sends a tone for a time.
func (e *end) speak(ctx context.Context, d time.Duration) error {
	encoder, err := e.format.NewEncoder(e.rate, codec.Options{Ptime: int(frame.Milliseconds())})
	if err != nil {
		return err
	}
	defer encoder.Close()
	pcm := make([]int16, e.rate/50)
	b := make([]byte, 2048)
	peak := 32768 * math.Pow(10, loud/20)
	e.spoke = time.Now()
	for n := 0; time.Duration(n)*frame < d; n++ {
		for i := range pcm {
			pcm[i] = int16(peak * math.Sin(2*math.Pi*e.freq*float64(n*len(pcm)+i)/float64(e.rate)))
		}
		size, err := encoder.Encode(b[12:1500], pcm)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", e.codec.Name, err)
		}
		b[0], b[1] = 0x80, e.codec.PayloadType
		binary.BigEndian.PutUint16(b[2:], uint16(n))
		binary.BigEndian.PutUint32(b[4:], uint32(n*e.codec.ClockRate/50))
		binary.BigEndian.PutUint32(b[8:], uint32(e.freq)<<8|1)
		packet := b[: 12+size : len(b)]
		if e.out != nil {
			if packet, err = e.out.Protect(packet); err != nil {
				return err
			}
		}
		if _, err := e.conn.WriteToUDPAddrPort(packet, e.to); errors.Is(err, net.ErrClosed) {
			return nil
		}
		e.sent++
		select {
		case <-time.After(time.Until(e.spoke.Add(time.Duration(n+1) * frame))):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// listen decodes what comes until the end closes.
func (e *end) listen() error {
	decoder, err := e.format.NewDecoder(8000)
	if err != nil {
		return err
	}
	b, pcm := make([]byte, 4096), make([]int16, 8000)
	for {
		n, from, err := e.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil || n < 12 || netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != e.to || b[1]&0x7f != e.codec.PayloadType {
			continue
		}
		packet := b[:n:len(b)]
		if e.in != nil {
			if packet, err = e.in.Unprotect(packet); err != nil {
				continue // shows as loss
			}
		}
		now := time.Now()
		if e.first.IsZero() {
			e.first = now
		}
		e.stats.Packet(binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:]), binary.BigEndian.Uint32(packet[4:]), len(packet), now)
		if n, err := decoder.Decode(pcm, packet[12:]); err == nil && len(e.heard) < 8000*3600 {
			e.heard = append(e.heard, pcm[:n]...)
		}
	}
}

// judge says how this end heard the other.
func (e *end) judge(other *end) Heard {
	r := e.stats.Report(time.Now())
	h := Heard{Codec: e.codec.Name, From: e.to.String(), Sent: e.sent, Received: int(r.Packets), Lost: int(r.Lost), Jitter: r.Jitter.Round(time.Microsecond)}
	// The first moments are left out (buffers fill), and the last (they empty).
	if middle := len(e.heard) - 4000; middle > 8000 {
		h.Frequency, _ = sound.Frequency(e.heard[4000:middle])
		h.Level = sound.Level(e.heard[4000:middle])
	}
	if onset := loudFrom(e.heard); onset >= 0 && !e.first.IsZero() {
		h.Delay = e.first.Sub(other.spoke) + time.Duration(onset)*time.Second/8000
	}
	switch {
	case r.Packets == 0:
		h.Fault = "hears nothing: is " + e.conn.LocalAddr().String() + " reachable for the relay?"
	case math.Abs(h.Frequency-other.freq) > 5:
		h.Fault = fmt.Sprintf("hears %.0f Hz instead of %.0f", h.Frequency, other.freq)
	case math.Abs(h.Level-loud) > 1.5:
		h.Fault = fmt.Sprintf("hears %.1f dBFS instead of %.1f", h.Level, loud)
	case r.Lost*100 > r.Packets:
		h.Fault = fmt.Sprintf("%d packets are missing", r.Lost)
	}
	return h
}

// loudFrom is where the tone begins, -1 when it does not.
func loudFrom(s []int16) int {
	for i, v := range s {
		if v > 1500 || v < -1500 {
			return i
		}
	}
	return -1
}
