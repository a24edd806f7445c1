package learn

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"tandem/interop/behaviour"
)

var (
	register = "REGISTER sip:pbx.secret-corp.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.30.40:5062;branch=z9hG4bKabc;rport\r\nFrom: \"Erika Mustermann\" <sip:emustermann@pbx.secret-corp.example>;tag=123\r\nTo: <sip:emustermann@pbx.secret-corp.example>\r\nCall-ID: 99-aa@10.20.30.40\r\nCSeq: 2 REGISTER\r\n" +
		"Contact: <sip:emustermann@10.20.30.40:5062>;+sip.instance=\"<urn:uuid:0a1b2c3d-0000-1000-8000-0004f2aabbcc>\"\r\nUser-Agent: Maker Model/1.2 0004f2aabbcc\r\nAuthorization: Digest username=\"emustermann\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"d41d8cd98f00b204e9800998ecf8427e\"\r\nContent-Length: 0\r\n\r\n"
	invite = "INVITE sip:+4930123456@pbx.secret-corp.example;user=phone SIP/2.0\r\nv: SIP/2.0/UDP 10.20.30.40:5062;branch=z9hG4bKdef\r\nFrom: Erika Mustermann <sip:emustermann@pbx.secret-corp.example>;tag=124\r\nt: <sip:+4930123456@pbx.secret-corp.example>\r\nCall-ID: 100-bb@10.20.30.40\r\nCSeq: 7 INVITE\r\nContact: <sip:emustermann@10.20.30.40:5062>\r\n" +
		"Content-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(description)) + "\r\n\r\n" + description
	description = "v=0\r\no=emustermann 1 1 IN IP4 10.20.30.40\r\ns=-\r\nc=IN IP4 10.20.30.40\r\nt=0 0\r\nm=audio 41000 RTP/AVP 0 8\r\na=rtcp:41001 IN IP4 10.20.30.41\r\n"
	busy        = "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 10.20.30.40:5062;branch=z9hG4bKdef\r\nFrom: <sip:emustermann@pbx.secret-corp.example>;tag=124\r\nTo: <sip:+4930123456@pbx.secret-corp.example>;tag=9\r\nCall-ID: 100-bb@10.20.30.40\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
)

// text is the conversation as a tool would print it.
func text() []byte {
	var b strings.Builder
	for _, m := range []struct{ head, bytes string }{
		{"U 10.20.30.40:5062 -> 10.1.1.1:5060", register}, {"U 10.20.30.40:5062 -> 10.1.1.1:5060", invite}, {"U 10.1.1.1:5060 -> 10.20.30.40:5062", busy},
	} {
		b.WriteString("\n" + m.head + "\n" + m.bytes)
	}
	return []byte(b.String())
}

// pcap is the same conversation as packets.
func pcap(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	device, server := []byte{10, 20, 30, 40}, []byte{10, 1, 1, 1}
	for _, m := range []struct {
		from, to []byte
		sp, dp   layers.UDPPort
		text     string
	}{{device, server, 5062, 5060, register}, {device, server, 5062, 5060, invite}, {server, device, 5060, 5062, busy}, {device, server, 5062, 5060, "\r\n\r\n"}} {
		eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: m.from, DstIP: m.to}
		udp := &layers.UDP{SrcPort: m.sp, DstPort: m.dp}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		out := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, udp, gopacket.Payload(m.text)); err != nil {
			t.Fatal(err)
		}
		n := len(out.Bytes())
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: n, Length: n}, out.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// A draft says what the device sent and how it was answered, is a well-formed file,
// and tells nothing of who was captured.
func TestDraft(t *testing.T) {
	for name, data := range map[string][]byte{"text": text(), "pcap": pcap(t)} {
		t.Run(name, func(t *testing.T) {
			list, err := Read(data)
			if err != nil || len(list) != 3 {
				t.Fatalf("%d messages, %v", len(list), err)
			}
			f, err := Draft(list, netip.Addr{}, "my.pcap")
			if err != nil {
				t.Fatal(err)
			}
			out, err := yaml.MarshalWithOptions(f, yaml.UseLiteralStyleIfMultiline(true))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := behaviour.Load("draft.yaml", out); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, private := range []string{"mustermann", "secret", "Erika", "10.20", "10.1.", "4930", "aabbcc", "99-aa", "d41d8", "41000"} {
				if strings.Contains(strings.ToLower(string(out)), strings.ToLower(private)) {
					t.Errorf("%q is told in\n%s", private, out)
				}
			}
			for _, want := range []string{"role: phone", "REGISTER sip:{domain} SIP/2.0", "Via: SIP/2.0/UDP {phone};branch={branch};rport", `From: "Name" <sip:{user}@{domain}>;tag={tag}`, "CSeq: {cseq} REGISTER", "Maker Model/1.2 00005E005301",
				"INVITE sip:{number}@{domain};user=phone", "v: SIP/2.0/UDP {phone};branch={branch}", "Content-Length: {length}", "m=audio {rtp} RTP/AVP 0 8", "c=IN IP4 {phone.host}", "IN IP4 192.0.2.1", `code: "486"`, "draft-2-invite"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
		})
	}
}

func TestNothingToLearn(t *testing.T) {
	for _, data := range []string{"", "hello", "INVITE is a word", "\xd4\xc3\xb2\xa1 cut"} {
		if list, err := Read([]byte(data)); err == nil {
			t.Errorf("%q: %d messages", data, len(list))
		}
	}
	list, err := Read(text())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Draft(list, netip.MustParseAddr("192.0.2.99"), "x"); err == nil {
		t.Error("a device that sent nothing")
	}
}

func FuzzLearn(f *testing.F) {
	f.Add(text())
	f.Add([]byte("SIP/2.0 200 OK\n\n"))
	f.Add([]byte("  INVITE sip:a SIP/2.0\n  Via: x\n  Content-Length: 9\n\nabc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Read(data)
		if err != nil {
			return
		}
		_, _ = Draft(list, netip.Addr{}, "fuzz")
	})
}
