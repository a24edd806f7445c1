// Package learn makes drafts of behaviours from what was captured on the wire:
// pcap files, and texts such as ngrep, sngrep and tandem trace print. Names,
// numbers and addresses are made neutral.
package learn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"tandem/interop/wire"
)

// maxMessages bounds what is read of a capture.
const maxMessages = 10_000

// Packet is one SIP message that was captured. The addresses of a text that names
// none are not valid.
type Packet struct {
	From, To netip.AddrPort
	Message  *wire.Message
}

// Read finds the SIP messages in a capture, in their order. Of TCP it reads segments
// that hold a whole message. The error says that there are none.
func Read(data []byte) ([]Packet, error) {
	list, err := readPcap(data)
	if errors.Is(err, errText) {
		list, err = readText(string(data)), nil
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no SIP message is in it; a pcap or pcapng file or a text trace with whole messages is needed, of UDP or of TCP without TLS")
	}
	return list, nil
}

// errText says that the data are no capture of packets.
var errText = errors.New("not a pcap file")

// source is a file of packets.
type source interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

func readPcap(data []byte) (list []Packet, err error) {
	var from source
	if from, err = pcapgo.NewReader(bytes.NewReader(data)); err != nil {
		if from, err = pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.DefaultNgReaderOptions); err != nil {
			return nil, errText
		}
	}
	for len(list) < maxMessages {
		frame, _, err := from.ReadPacketData()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // cut short: what is there counts
			return list, nil
		}
		if err != nil {
			return list, fmt.Errorf("reading the capture after %d messages: %w", len(list), err)
		}
		if p, ok := packetOf(gopacket.NewPacket(frame, from.LinkType(), gopacket.Lazy)); ok {
			list = append(list, p)
		}
	}
	return list, nil
}

// packetOf is the message in a frame, if there is one.
func packetOf(frame gopacket.Packet) (p Packet, ok bool) {
	network := frame.NetworkLayer()
	if network == nil {
		return p, false
	}
	src, _ := netip.AddrFromSlice(network.NetworkFlow().Src().Raw())
	dst, _ := netip.AddrFromSlice(network.NetworkFlow().Dst().Raw())
	var payload []byte
	switch t := frame.TransportLayer().(type) {
	case *layers.UDP:
		p.From, p.To, payload = netip.AddrPortFrom(src, uint16(t.SrcPort)), netip.AddrPortFrom(dst, uint16(t.DstPort)), t.Payload
	case *layers.TCP:
		p.From, p.To, payload = netip.AddrPortFrom(src, uint16(t.SrcPort)), netip.AddrPortFrom(dst, uint16(t.DstPort)), t.Payload
	default:
		return p, false
	}
	if !begins.Match(firstLine(payload)) {
		return p, false
	}
	m, err := wire.Split(payload)
	p.Message = m
	return p, err == nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimRight(line, "\r")
}

var (
	begins = regexp.MustCompile(`^(SIP/2\.0 [1-6]\d\d .*|[A-Z]{2,20} \S+ SIP/2\.0)$`)
	arrow  = regexp.MustCompile(`(\S+:\d+) (->|<-) (\S+:\d+)`)
)

// readText finds messages in a text. A line before a message may name its addresses,
// with an arrow between them.
func readText(text string) (list []Packet) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	var at Packet
	for i := 0; i < len(lines) && len(list) < maxMessages; i++ {
		line := strings.TrimSpace(lines[i])
		if m := arrow.FindStringSubmatch(line); m != nil {
			at = Packet{}
			at.From, _ = netip.ParseAddrPort(m[1])
			at.To, _ = netip.ParseAddrPort(m[3])
			if m[2] == "<-" {
				at.From, at.To = at.To, at.From
			}
			continue
		}
		if !begins.MatchString(line) {
			continue
		}
		end := i + 1
		for end < len(lines) && !begins.MatchString(strings.TrimSpace(lines[end])) && !arrow.MatchString(lines[end]) {
			end++
		}
		p := at
		if m, err := wire.Split([]byte(cut(lines[i:end]))); err == nil {
			p.Message = m
			list = append(list, p)
		}
		i, at = end-1, Packet{}
	}
	return list
}

// cut is the message in lines: a head, and a body as long as Content-Length says, or
// to the next blank line where nothing says it.
func cut(lines []string) string {
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], " \t"))
	var head, body []string
	length, inBody := -1, false
	for _, l := range lines {
		l = l[min(indent, len(l)-len(strings.TrimLeft(l, " \t"))):]
		switch {
		case inBody:
			body = append(body, l)
		case strings.TrimSpace(l) == "":
			inBody = true
		default:
			head = append(head, strings.TrimRight(l, " "))
			if name, value, ok := strings.Cut(l, ":"); ok && wire.Canonical(strings.TrimSpace(name)) == "content-length" {
				fmt.Sscan(value, &length)
			}
		}
	}
	text := strings.Join(body, "\r\n")
	if length >= 0 {
		text = text[:min(length, len(text))]
	} else if i := strings.Index(text, "\r\n\r\n"); i >= 0 {
		text = text[:i+2]
	}
	return strings.Join(head, "\r\n") + "\r\n\r\n" + text
}
