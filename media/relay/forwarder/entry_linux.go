package forwarder

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cilium/ebpf"

	"tandem/media/rewrite"
)

// Entry is a flow in the kernel. It has no lock: only one goroutine at a time may use it.
type Entry struct {
	of    *Forwarder
	flows *ebpf.Map
	key   []byte
	value value // as last read
}

// Add has a flow forwarded from now on, with counters that start at zero. ErrExists: it
// is already.
func (w *Forwarder) Add(f Flow) (*Entry, error) {
	e := &Entry{of: w, flows: w.four, key: f.key()}
	if f.In.Addr().Is6() {
		e.flows = w.six
	}
	f.describe(&e.value)
	err := e.flows.Update(e.key, &e.value, ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) {
		return nil, ErrExists
	}
	return e, err
}

// Counters reads what was forwarded; false when that cannot be read.
func (e *Entry) Counters() (Counters, bool) {
	if e.flows.Lookup(e.key, &e.value) != nil {
		return Counters{}, false
	}
	return e.value.counters(e.of.epoch), true
}

// Remove ends the flow, and reads its counters for the last time.
func (e *Entry) Remove() (Counters, bool) {
	if e.flows.LookupAndDelete(e.key, &e.value) != nil {
		return Counters{}, false
	}
	return e.value.counters(e.of.epoch), true
}

// key is what the program finds the flow by: source, destination, ports.
func (f Flow) key() []byte {
	k := append(f.From.Addr().AsSlice(), f.In.Addr().AsSlice()...)
	k = binary.BigEndian.AppendUint16(k, f.From.Port())
	return binary.BigEndian.AppendUint16(k, f.In.Port())
}

// describe fills in what the program is to do.
func (f Flow) describe(v *value) {
	v.Arrive, v.Interface, v.Most = uint32(f.Arrive), uint32(f.Leave), uint32(max(f.MTU-layoutOf(f.In.Addr()).headers(), 0))
	copy(v.Source[:], f.Out.Addr().AsSlice())
	copy(v.Destination[:], f.To.Addr().AsSlice())
	old := append(f.From.Addr().AsSlice(), f.In.Addr().AsSlice()...)
	v.AddressDiff = checksumDiff(old, append(f.Out.Addr().AsSlice(), f.To.Addr().AsSlice()...))
	before := f.key()[len(old):]
	after := binary.BigEndian.AppendUint16(nil, f.Out.Port())
	after = binary.BigEndian.AppendUint16(after, f.To.Port())
	v.Ports = binary.NativeEndian.Uint32(after)
	before = binary.BigEndian.AppendUint32(before, f.Offsets.In)
	after = binary.BigEndian.AppendUint32(after, f.Offsets.Out)
	v.PortDiff = checksumDiff(before, after)
	v.SSRCIn, v.SSRCOut = binary.NativeEndian.Uint32(before[4:]), binary.NativeEndian.Uint32(after[4:])
	v.SequenceBy, v.TimestampBy, v.Clock = uint32(f.Offsets.Sequence), f.Offsets.Timestamp, f.Clock
	tos := uint32(f.DSCP) << 2
	v.Class = tos
	if f.In.Addr().Is6() {
		v.Class = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, 6<<28|tos<<20))
	}
	v.Types = f.Types
	for i := 64; i < 96; i++ {
		v.Types[i] = rewrite.Drop
	}
}

// checksumDiff returns the change of a checksum over old when it becomes new (RFC
// 1624), in the machine's byte order.
func checksumDiff(old, new []byte) uint32 {
	var sum uint64
	for i := 0; i < len(old); i += 4 {
		sum += uint64(^binary.NativeEndian.Uint32(old[i:]))
		sum += uint64(binary.NativeEndian.Uint32(new[i:]))
	}
	for sum>>32 != 0 {
		sum = sum&0xffffffff + sum>>32
	}
	return uint32(sum)
}

// counters converts the program's figures. epoch is when its clock was 0.
func (v *value) counters(epoch time.Time) Counters {
	c := Counters{
		Packets: v.Packets, Octets: v.Octets, Passed: v.Passed, Late: uint64(v.Late),
		Sequence: uint16(v.High), Timestamp: v.Timestamp, Jitter: v.Jitter >> 4,
	}
	var ssrc [4]byte
	binary.NativeEndian.PutUint32(ssrc[:], v.SSRCIn)
	c.SSRC = binary.BigEndian.Uint32(ssrc[:])
	if v.Base != 0 {
		if expected := uint64(v.High-v.Base) + 1; expected > v.Packets+v.Passed {
			c.Lost = expected - v.Packets - v.Passed
		}
		c.LastPacket = epoch.Add(time.Duration(v.Last))
	}
	return c
}
