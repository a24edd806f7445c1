package card

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// western are the characters of Windows-1252 from 0x80 to 0x9F; the others are those of
// ISO 8859-1, and of Unicode.
var western = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

// Text is a file as UTF-8. Address books of today write that; spreadsheets on Windows write
// UTF-16 with a mark in front, or the code page of western Europe.
func Text(b []byte) string {
	switch {
	case len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe:
		return wide(b[2:], binary.LittleEndian)
	case len(b) >= 2 && b[0] == 0xfe && b[1] == 0xff:
		return wide(b[2:], binary.BigEndian)
	case utf8.Valid(b):
		return string(b)
	}
	var s strings.Builder
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			r = western[c-0x80]
		}
		s.WriteRune(r)
	}
	return s.String()
}

func wide(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
