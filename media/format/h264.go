package format

import "strconv"

// h264Profile brings the spellings of one profile together (RFC 6184 §8.1,
// table 5): constrained baseline has three.
func h264Profile(id string) string {
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil || len(id) != 6 {
		return id
	}
	idc, iop := n>>16, n>>8&0xff
	switch {
	case idc == 0x42 && iop&0x4f == 0x40, idc == 0x4d && iop&0x8f == 0x80, idc == 0x58 && iop&0xcf == 0xc0:
		return "constrained-baseline"
	case idc == 0x42 && iop&0x4f == 0, idc == 0x58 && iop&0xcf == 0x80:
		return "baseline"
	}
	return strconv.FormatUint(n>>8, 16)
}
