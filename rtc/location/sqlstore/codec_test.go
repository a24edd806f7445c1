package sqlstore

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"tandem/rtc/location"
	"tandem/rtc/location/storetest"
)

func TestEncodingIsCompact(t *testing.T) {
	b := binding(1)
	size := len(appendRow(nil, storetest.AOR(1), []location.Binding{b}))
	texts := len(b.Contact) + len(b.CallID) + len(b.UserAgent) + len(storetest.AOR(1))
	if size > texts+50 {
		t.Errorf("%d octets for %d of text", size, texts)
	}
}

func TestTextsThatAreNotPartOfTheContact(t *testing.T) {
	b := binding(1)
	b.URI, b.Instance = "sip:elsewhere@192.0.2.9", "<urn:other>"
	got, err := decodeBindings(rowVersion, encoded(b), nil)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], b) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTruncatedEncodingIsRefused(t *testing.T) {
	whole := encoded(binding(1))
	for n := range len(whole) {
		if got, err := decodeBindings(rowVersion, whole[:n], nil); err == nil && n != 0 {
			t.Errorf("%d of %d octets gave %+v", n, len(whole), got)
		}
	}
	if _, err := decodeBindings(rowVersion+1, whole, nil); err == nil {
		t.Error("an unknown version was read")
	}
	row := appendRow(nil, "sip:a@b", []location.Binding{binding(1)})
	for n := range len(row) - len(whole) {
		if _, aor, _, _, ok := readRow(row[:n]); ok {
			t.Errorf("the head of %d octets gave %q", n, aor)
		}
	}
}

// encoded is what follows the head of a row.
func encoded(all ...location.Binding) []byte {
	_, _, _, rest, _ := readRow(appendRow(nil, "", all))
	return rest
}

// encodedBefore is the same as versions 1 and 2 wrote it: without TempGRUU, the last octet.
func encodedBefore(all ...location.Binding) (data []byte) {
	for _, b := range all {
		one := encoded(b)
		data = append(data, one[:len(one)-1]...)
	}
	return data
}

// Whatever is read can be written and reads the same.
func FuzzDecodeBindings(f *testing.F) {
	b := binding(1)
	b.Flow.Remote = netip.MustParseAddrPort("192.0.2.1:5060")
	f.Add(encoded(b, binding(2)))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeBindings(rowVersion, data, nil)
		if err != nil || len(got) == 0 {
			return
		}
		for i := range got {
			if got[i].Expires.After(time.UnixMilli(1 << 61)) {
				return // beyond what a time can tell
			}
		}
		again, err := decodeBindings(rowVersion, encoded(got...), nil)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%v\n%+v\n%+v", err, got, again)
		}
	})
}
