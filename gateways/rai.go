package gateways

import (
	"bytes"

	"tandem/rtc/sip"
)

// raiHeader is what Cisco gateways report their resources in, each value one
// kind of them: "DS0 ; almost-out-of-resource=false;available=23;total=23;used=0%".
const raiHeader = "X-cisco-rai"

// almostFull reads that header; said is false when there is none.
func almostFull(m *sip.Message) (full, said bool) {
	for i := range m.Len() {
		h := m.At(i)
		if !sip.EqualFold(h.Name, raiHeader) {
			continue
		}
		for value := range sip.Elements(h.Value) {
			said = true
			for param := range bytes.SplitSeq(value, []byte{';'}) {
				name, v, _ := bytes.Cut(param, []byte{'='})
				if sip.EqualFold(bytes.TrimSpace(name), "almost-out-of-resource") && sip.EqualFold(bytes.TrimSpace(v), "true") {
					full = true
				}
			}
		}
	}
	return full, said
}
