package resolve

import (
	"errors"
	"testing"
)

// A record's text comes as it is on the wire, backslashes and all; a name without
// records is one, and is asked for once.
func TestNaptr(t *testing.T) {
	s := serve(t, `1.4.4.e164.arpa. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^(.*)$!sip:\\1\"\228@example.com!" .`)
	r := New(Config{Servers: []string{s.addr}, Hosts: "-"})
	for range 2 {
		list, err := r.Naptr(t.Context(), "1.4.4.e164.arpa")
		if want := (Naptr{10, 20, "u", "E2U+sip", "!^(.*)$!sip:\\1\"\xe4@example.com!", "."}); err != nil || len(list) != 1 || list[0] != want {
			t.Errorf("%+v %v, want %+v", list, err, want)
		}
		if _, err := r.Naptr(t.Context(), "2.4.4.e164.arpa"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no records: %v", err)
		}
	}
}
