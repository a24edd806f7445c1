package peers

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tandem/interop/phones"
	"tandem/interop/process"
)

// Stream is audio by RTP as ffmpeg sends or takes it.
type Stream struct {
	Codec phones.Codec
	// Key is master key and salt in base64, for AES_CM_128_HMAC_SHA1_80; ""
	// leaves it plain.
	Key string
}

// keyLength is octets of master key and salt (RFC 4568 §6.2).
const keyLength = 30

// suite is the only one used with ffmpeg.
const suite = "AES_CM_128_HMAC_SHA1_80"

// NewKey makes the key of a Stream out of octets, of which it takes thirty.
func NewKey(octets [keyLength]byte) string { return base64.StdEncoding.EncodeToString(octets[:]) }

// spoken is how ffmpeg is told to speak a codec in packets of 20 ms, and what
// SDP says of it. Without a limit it puts all it can into a packet.
var spoken = map[phones.Codec]struct {
	args   []string
	packet int // octets of RTP, 0 any
	number int
	rtpmap string
}{
	phones.PCMU: {[]string{"-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"}, 172, 0, "PCMU/8000"},
	phones.PCMA: {[]string{"-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"}, 172, 8, "PCMA/8000"},
	phones.G722: {[]string{"-c:a", "g722", "-ar", "16000", "-ac", "1"}, 172, 9, "G722/8000"},
	phones.Opus: {[]string{"-c:a", "libopus", "-application", "voip", "-b:a", "40000", "-ar", "48000", "-ac", "1"}, 1400, 107, "opus/48000/2"},
}

// Describe is the SDP of a stream at a port, with a direction.
func (s Stream) Describe(port int, direction string) string {
	how, proto := spoken[s.Codec], "RTP/AVP"
	if s.Key != "" {
		proto = "RTP/SAVP"
	}
	text := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d %s %d\r\na=rtpmap:%d %s\r\na=ptime:20\r\n",
		port, proto, how.number, how.number, how.rtpmap)
	if s.Key != "" {
		text += fmt.Sprintf("a=crypto:1 %s inline:%s\r\n", suite, s.Key)
	}
	return text + "a=" + direction + "\r\n"
}

// Say lets ffmpeg send a WAV file from a port of loopback to another, as fast
// as it would be spoken, to its end.
func (s Stream) Say(ctx context.Context, file string, from, to int) error {
	path, err := process.Find("ffmpeg")
	if err != nil {
		return err
	}
	how := spoken[s.Codec]
	args := append([]string{"-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-max_size", "1024", "-i", file, "-vn"}, how.args...)
	args = append(args, "-payload_type", fmt.Sprint(how.number), "-f", "rtp")
	proto, packet := "rtp", how.packet
	if s.Key != "" {
		args = append(args, "-srtp_out_suite", suite, "-srtp_out_params", s.Key)
		proto, packet = "srtp", packet+14 // what it keeps free for a tag
	}
	args = append(args, fmt.Sprintf("%s://127.0.0.1:%d?localrtpport=%d&localrtcpport=%d&pkt_size=%d", proto, to, from, from+1, packet))
	_, err = process.Run(ctx, process.Command{Path: path, Args: args})
	return err
}

// Recorder is an ffmpeg that writes what it hears to a WAV file.
type Recorder struct {
	File string
	p    *process.Program
}

// Hear starts an ffmpeg that records what comes to a port of loopback below
// dir, at 16000 Hz, and waits until it listens.
func (s Stream) Hear(ctx context.Context, dir string, port int) (*Recorder, error) {
	path, err := process.Find("ffmpeg")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "hear.sdp")
	if err := os.WriteFile(file, []byte(s.Describe(port, "recvonly")), 0o600); err != nil {
		return nil, fmt.Errorf("telling ffmpeg what comes: %w", err)
	}
	r := &Recorder{File: filepath.Join(dir, "heard.wav")}
	r.p, err = process.Start(process.Command{Path: path, Args: []string{"-nostdin", "-hide_banner", "-loglevel", "warning", "-y",
		"-protocol_whitelist", "file,udp,rtp,srtp", "-analyzeduration", "200000", "-i", file,
		"-c:a", "pcm_s16le", "-ar", "16000", "-ac", "1", r.File}})
	if err != nil {
		return nil, err
	}
	for !listens(port) {
		select {
		case <-r.p.Done():
			return nil, fmt.Errorf("ffmpeg ended: %w\n%s", r.p.Err(), r.p.Out.Tail(20))
		case <-ctx.Done():
			r.p.Kill()
			return nil, fmt.Errorf("ffmpeg does not listen: %w\n%s", ctx.Err(), r.p.Out.Tail(20))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return r, nil
}

// listens says whether a program has a UDP port open. To try the port would be
// to take it from the program at times.
func listens(port int) bool {
	all, _ := os.ReadFile("/proc/net/udp")
	return bytes.Contains(all, fmt.Appendf(nil, ":%04X 00000000:0000 ", port))
}

// Close ends the recording, unless a BYE did; the file is complete then.
func (r *Recorder) Close() error {
	// Waiting for packets it heeds only the second signal.
	for range 2 {
		select {
		case <-r.p.Done():
			return nil
		case <-time.After(time.Second):
			_ = r.p.Signal(os.Interrupt)
		}
	}
	return r.p.Close()
}

// Said is what ffmpeg complained of.
func (r *Recorder) Said() string { return r.p.Out.Tail(20) }
