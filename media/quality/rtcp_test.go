package quality

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

const ms = time.Millisecond

// feed gives one packet of 20 ms.
func feed(i *Inbound, seq uint16, at time.Duration) Verdict {
	return i.Packet(1, seq, uint32(seq)*160, 172, start.Add(at))
}

// octets reads hexadecimal with blanks between.
func octets(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReportOctets(t *testing.T) {
	in, out := Inbound{Clock: 8000, Codec: "PCMU", Delay: 60 * ms}, Outbound{Clock: 8000}
	for n, seq := range []uint16{1, 2, 4, 5} {
		feed(&in, seq, time.Duration(n)*20*ms)
	}
	out.Packet(0xAABBCCDD, 7, 1000, 172, start)
	theirs := octets(t, "80c80006 00000001 1111222233334444 00000000 00000000 00000000")
	if _, err := Feedback(theirs, &out, &in, start.Add(100*ms)); err != nil {
		t.Fatal(err)
	}
	want := octets(t, `
		81c8000c aabbccdd ed01b425 99999999 000016a8 00000001 000000a0
			00000001 33000001 00000005 00000009 22223333 00008000
		81ca0003 aabbccdd 01026d65 00000000
		80cf000a aabbccdd 07000008 00000001
			33000033 00000064 0000003c 7f7f7f10 317f1a19 0000003c 00000000`)
	if got := AppendReport([]byte{}, "me", 0xAABBCCDD, &out, &in, start.Add(600*ms)); !bytes.Equal(got, want) {
		t.Errorf("\n%x, want\n%x", got, want)
	}
	want = octets(t, "80c90001 aabbccdd 81ca0003 aabbccdd 01026d65 00000000 81cb0003 aabbccdd 04676f6e 65000000")
	if got := AppendBye(nil, "me", 0xAABBCCDD, "gone", start); !bytes.Equal(got, want) {
		t.Errorf("\n%x, want\n%x", got, want)
	}
}

// What others write we read, and what we write others read.
func TestOthersReports(t *testing.T) {
	in, out := Inbound{Clock: 8000}, Outbound{Clock: 48000}
	feed(&in, 1, 0)
	out.Packet(77, 1, 960, 112, start)
	AppendReport(nil, "x", 77, &out, nil, start)
	sentAt := uint32(ntp(start) >> 16)
	block := rtcp.ReceptionReport{
		SSRC: 77, FractionLost: 64, TotalLost: 0xFFFFFE, Jitter: 480, LastSenderReport: sentAt, Delay: 65536,
	}
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, NTPTime: 0x0102030405060708, Reports: []rtcp.ReceptionReport{{SSRC: 5, FractionLost: 255}, block}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "far"}}}}},
		&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 0x1112131415161718},
			&rtcp.VoIPMetricsReportBlock{SSRC: 77, MOSLQ: 41},
		}},
		&rtcp.Goodbye{Sources: []uint32{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Feedback(b, &out, &in, start.Add(1100*ms))
	want := Remote{Valid: true, LossPercent: 25, Lost: -2, Jitter: 10 * ms, RoundTrip: 100 * ms, MOS: 4.1, Bye: true}
	if err != nil || r != want {
		t.Errorf("%+v, %v; want %+v", r, err, want)
	}
	if in.report.middle != 0x03040506 || in.query.middle != 0x13141516 {
		t.Errorf("times %x and %x", in.report.middle, in.query.middle)
	}
	packets, err := rtcp.Unmarshal(AppendReport(nil, "me", 88, nil, &in, start.Add(2100*ms)))
	if err != nil {
		t.Fatal(err)
	}
	rr, ok := packets[0].(*rtcp.ReceiverReport)
	if !ok || rr.SSRC != 88 || rr.Reports[0].LastSenderReport != 0x03040506 || rr.Reports[0].Delay != 65536 {
		t.Errorf("%+v", packets[0])
	}
	xr := packets[2].(*rtcp.ExtendedReport)
	if rrt, ok := xr.Reports[0].(*rtcp.ReceiverReferenceTimeReportBlock); !ok || rrt.NTPTimestamp != ntp(start.Add(2100*ms)) {
		t.Errorf("%+v", xr.Reports[0])
	}
	if d, ok := xr.Reports[1].(*rtcp.DLRRReportBlock); !ok || d.Reports[0] != (rtcp.DLRRReport{SSRC: 1, LastRR: 0x13141516, DLRR: 65536}) {
		t.Errorf("%+v", xr.Reports[1])
	}
}

// Two that only listen, each to a third, know the round trip by DLRR.
func TestRoundTripOfReceivers(t *testing.T) {
	a, b := Inbound{Clock: 8000, Codec: "PCMU"}, Inbound{Clock: 8000, Codec: "PCMU"}
	a.Packet(20, 1, 160, 172, start)
	b.Packet(10, 1, 160, 172, start)
	const way = 40 * ms
	if _, err := Feedback(AppendReport(nil, "a", 10, nil, &a, start), nil, &b, start.Add(way)); err != nil {
		t.Fatal(err)
	}
	back := start.Add(way + 5*time.Second)
	r, err := Feedback(AppendReport(nil, "b", 20, nil, &b, back), nil, &a, back.Add(way))
	if err != nil || (r.RoundTrip-2*way).Abs() > ms || a.Report(back).RoundTrip != r.RoundTrip {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRoundTripIsNotBelieved(t *testing.T) {
	out := Outbound{Clock: 8000}
	out.Packet(77, 1, 960, 172, start)
	AppendReport(nil, "x", 77, &out, nil, start)
	sentAt := uint32(ntp(start) >> 16)
	for name, c := range map[string]struct{ last, delay uint32 }{
		"never sent":         {sentAt - 65536, 0},
		"longer than it can": {sentAt, 3 * 65536},
		"no time":            {0, 65536},
	} {
		b, err := (&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 77, LastSenderReport: c.last, Delay: c.delay}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Feedback(b, &out, nil, start.Add(time.Second)); err != nil || !r.Valid || r.RoundTrip != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestUnsoundCompounds(t *testing.T) {
	for name, s := range map[string]string{
		"nothing": "", "three octets": "80c900", "version 1": "40c90001 00000001", "no RTCP": "80600001 00000001",
		"longer than it is": "80c90002 00000001", "a block too many": "81c90001 00000001",
		"an SR cut off": "80c80001 00000001", "two BYE, one there": "82cb0001 00000001",
		"padding within": "a0c90001 00000001 80c90001 00000001", "rubbish behind": "80c90001 00000001 00",
	} {
		in, out := Inbound{Clock: 8000}, Outbound{Clock: 8000}
		if r, err := Feedback(octets(t, s), &out, &in, start); !errors.Is(err, errCompound) || r != (Remote{}) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for name, s := range map[string]string{
		"reduced size": "81cd0002 00000001 00000001", "a block of XR too long": "80cf0002 00000001 070000ff",
		"BYE of nobody": "80cb0000", "an application's": "80cc0002 00000001 41424344",
	} {
		if _, err := Feedback(octets(t, s), nil, nil, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSenderFallsSilent(t *testing.T) {
	out := Outbound{Clock: 8000}
	out.Packet(77, 1, 960, 172, start)
	if b := AppendReport(nil, "x", 77, &out, nil, start.Add(recent)); b[1] != typeRR {
		t.Errorf("type %d from one that long sent nothing", b[1])
	}
	out.Packet(78, 1, 960, 172, start.Add(recent)) // another source: its own counts
	packets, err := rtcp.Unmarshal(AppendReport(nil, "x", 78, &out, nil, start.Add(recent)))
	if sr, ok := packets[0].(*rtcp.SenderReport); err != nil || !ok || sr.PacketCount != 1 || sr.OctetCount != 160 {
		t.Errorf("%+v, %v", packets, err)
	}
	if p, o := out.Sent(); p != 2 || o != 344 {
		t.Errorf("sent %d, %d", p, o)
	}
}

func TestFractionIsSinceTheLastReport(t *testing.T) {
	in := Inbound{Clock: 8000}
	fraction := func() (byte, uint32, uint32) {
		b := AppendReport(nil, "x", 1, nil, &in, start)
		return b[12], uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15]), uint32(b[16])<<24 | uint32(b[17])<<16 | uint32(b[18])<<8 | uint32(b[19])
	}
	stream(&in, 65530, 65531, 65533, 65534)
	if f, lost, highest := fraction(); f != 51 || lost != 1 || highest != 65534 {
		t.Errorf("%d/256, %d lost, %d", f, lost, highest)
	}
	stream(&in, 65535, 0, 1)
	if f, lost, highest := fraction(); f != 0 || lost != 1 || highest != 1<<16|1 {
		t.Errorf("%d/256, %d lost, %x", f, lost, highest)
	}
	for n := range 4 { // another source begins
		in.Packet(2, uint16(900+n), 0, 172, start)
	}
	if f, lost, highest := fraction(); f != 0 || lost != 0 || highest != 903 {
		t.Errorf("%d/256, %d lost, %d", f, lost, highest)
	}
	if r := in.Report(start); r.Packets != 11 || r.Lost != 1 {
		t.Errorf("%+v", r)
	}
}
