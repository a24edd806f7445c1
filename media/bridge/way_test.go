package bridge

import "testing"

// When the first m-line of a bundle is refused, the next one taken answers for
// their transport.
func TestLeadOfABundle(t *testing.T) {
	w := &Way{}
	w.legs = []*leg{{way: w}, {way: w, on: true}}
	if w.lead() != w.legs[1] {
		t.Error("a refused m-line answers for those that share its port")
	}
	w.legs[1].on = false
	if w.lead() != w.legs[0] {
		t.Error("with all refused there is no first")
	}
}

func TestPayloadOfBrokenHeaders(t *testing.T) {
	head := func(first byte, more ...byte) []byte {
		return append([]byte{first, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, more...)
	}
	for _, c := range []struct {
		b    []byte
		want int
	}{
		{head(0x80, 1, 2, 3), 3}, {head(0x80), 0},
		{head(0x81, 0, 0, 0, 9, 1), 1}, {head(0x8f, 1, 2, 3), 0}, // sources
		{head(0x90, 0, 0, 0, 1, 9, 9, 9, 9, 1, 2), 2}, {head(0x90, 0, 0, 0xff, 0xff, 1), 0}, {head(0x90, 1, 2), 0}, // extension
		{head(0xa0, 1, 2, 0, 2), 2}, {head(0xa0, 1, 2, 255), 0}, {head(0xbf, 255), 0}, // padding
	} {
		if got := payload(c.b); len(got) != c.want {
			t.Errorf("% x: payload of %d octets, want %d", c.b, len(got), c.want)
		}
	}
}
