package codec

// maxOpusSpan is the longest frame: 60 ms at 48 kHz, in samples.
const maxOpusSpan = 60 * 48

// libraryDecoder is libopus. Like an encoder's, its state is in Go memory, so that
// nothing leaks.
type libraryDecoder struct {
	library *libopus
	state   []byte
	// The buffers of the library, which must not move during the call.
	in  [1 + maxOpusFrame]byte
	out [maxOpusSpan]int16
	// arguments for opus_decode, kept so that a call allocates nothing.
	arguments [6]uintptr
}

func newLibraryDecoder(lib *libopus, rate int) (*libraryDecoder, error) {
	state, err := lib.decoder(rate)
	if err != nil {
		return nil, err
	}
	return &libraryDecoder{library: lib, state: state}, nil
}

// run calls opus_decode, which must fill out.
func (d *libraryDecoder) run(packet []byte, out []int16, before bool) error {
	if len(out) > len(d.out) || len(packet) > len(d.in) {
		return ErrPayload
	}
	n, err := d.library.decode(d, copy(d.in[:], packet), len(out), before)
	if err != nil {
		return err
	}
	if n != len(out) {
		return ErrPayload
	}
	copy(out, d.out[:])
	return nil
}

func (d *libraryDecoder) frame(packet []byte, out []int16) error { return d.run(packet, out, false) }

// before decodes the redundancy in packet for the packet before it.
func (d *libraryDecoder) before(packet []byte, out []int16) error { return d.run(packet, out, true) }

// skip tells the library that n samples were lost.
func (d *libraryDecoder) skip(n int) error {
	_, err := d.library.decode(d, 0, n, false)
	return err
}
