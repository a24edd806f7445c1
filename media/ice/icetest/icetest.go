// Package icetest writes, for tests of other packages, connectivity checks as a library
// of others does.
package icetest

import "github.com/pion/stun/v3"

// attribute is a STUN attribute of any kind.
type attribute struct {
	kind  stun.AttrType
	value []byte
}

func (a attribute) AddTo(m *stun.Message) error { m.Add(a.kind, a.value); return nil }

// Check is a check that nominates (RFC 8445 §7), from a side named "far" to the one that
// has these credentials. It panics where they are none.
func Check(ufrag, pwd string) []byte {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag+":far"),
		attribute{stun.AttrICEControlling, []byte("12345678")}, attribute{stun.AttrPriority, []byte{1, 2, 3, 4}},
		attribute{stun.AttrUseCandidate, nil}, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	if err != nil {
		panic(err)
	}
	return m.Raw
}
