package sqlstore

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tandem/rtc/location"
)

func TestEncodingIsCompact(t *testing.T) {
	b := binding(1)
	size := len(appendBindings(nil, []location.Binding{b}))
	texts := len(b.Contact) + len(b.CallID) + len(b.UserAgent)
	if size > texts+40 {
		t.Errorf("%d octets for %d of text", size, texts)
	}
}

func TestTextsThatAreNotPartOfTheContact(t *testing.T) {
	b := binding(1)
	b.URI, b.Instance = "sip:elsewhere@192.0.2.9", "<urn:other>"
	got, err := decodeBindings(appendBindings(nil, []location.Binding{b}), nil)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], b) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTruncatedEncodingIsRefused(t *testing.T) {
	whole := appendBindings(nil, []location.Binding{binding(1)})
	for n := range len(whole) {
		if got, err := decodeBindings(whole[:n], nil); err == nil && n != 1 {
			t.Errorf("%d of %d octets gave %+v", n, len(whole), got)
		}
	}
	if _, err := decodeBindings(append([]byte{bindingsVersion + 1}, whole[1:]...), nil); err == nil {
		t.Error("an unknown version was read")
	}
}

// Whatever is read can be written and reads the same.
func FuzzDecodeBindings(f *testing.F) {
	b := binding(1)
	b.Flow.Remote = netip.MustParseAddrPort("192.0.2.1:5060")
	f.Add(appendBindings(nil, []location.Binding{b, binding(2)}))
	f.Add([]byte{bindingsVersion})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeBindings(data, nil)
		if err != nil || len(got) == 0 {
			return
		}
		for i := range got {
			if got[i].Expires.After(time.UnixMilli(1 << 61)) {
				return // beyond what a time can tell
			}
		}
		again, err := decodeBindings(appendBindings(nil, got), nil)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%v\n%+v\n%+v", err, got, again)
		}
	})
}
