package dialog

import (
	"errors"
	"sync/atomic"

	"tandem/rtc/dialog/table"
	"tandem/rtc/sip"
)

// ErrFull says that the Table holds as many dialogs as it may.
var ErrFull = errors.New("too many dialogs")

// ErrKnown says that the dialog is in the Table already.
var ErrKnown = errors.New("dialog exists")

const shards = 64

// Table finds dialogs by ID, from any lane. It is bounded.
type Table struct {
	max  int64
	n    atomic.Int64
	byID *table.Table[*Dialog]

	flows [shards]flowPart
}

// newTable makes a table of at most max dialogs; 0 means 500000.
func newTable(max int) *Table {
	if max <= 0 {
		max = 500000
	}
	return &Table{max: int64(max), byID: table.New(func(d *Dialog) (callID, local, remote string) { return d.id.CallID, d.id.Local, d.id.Remote })}
}

// Len is the number of dialogs, those that ended lately included.
func (t *Table) Len() int { return int(t.n.Load()) }

// Add enters a dialog; the error is ErrFull or ErrKnown. Only on its lane.
func (t *Table) Add(d *Dialog) error {
	if err := t.enter(d); err != nil {
		return err
	}
	d.table = t
	d.follow(d.flow)
	return nil
}

func (t *Table) enter(d *Dialog) error {
	if !t.byID.Enter(d) {
		return ErrKnown
	}
	if t.n.Add(1) > t.max {
		t.n.Add(-1)
		t.byID.Remove(d)
		return ErrFull
	}
	return nil
}

// Remove forgets a dialog. Only on its lane.
func (t *Table) Remove(d *Dialog) {
	t.stick(d, 0)
	if t.byID.Remove(d) {
		t.n.Add(-1)
	}
}

// Find returns the dialog a request belongs to, nil when there is none. It
// does not allocate.
func (t *Table) Find(m *sip.Message) *Dialog {
	return t.Match(m.CallID(), m.ToTag(), m.FromTag())
}

// Match returns the dialog of an ID.
func (t *Table) Match(callID, local, remote []byte) *Dialog {
	return t.byID.Find(callID, local, remote)
}

// Replaces finds the dialog an INVITE wants to take over (RFC 3891 §3). code is
// 0 when there is no Replaces header or d was found; else it is the status to
// answer. The caller still has to authorise it. d may be on another lane.
func (t *Table) Replaces(m *sip.Message) (d *Dialog, code int) {
	switch n := m.Count(sip.HdrReplaces); {
	case n == 0:
		return nil, 0
	case n > 1 || m.Has(sip.HdrJoin):
		return nil, 400
	}
	r, ok := m.DialogOf(sip.HdrReplaces)
	if !ok {
		return nil, 400
	}
	d = t.Match(r.CallID, tag0(r.ToTag), tag0(r.FromTag))
	if d == nil || d.Pending() && d.State() == Early && len(d.usages) > 0 {
		return nil, 481
	}
	switch st := d.State(); {
	case st == Terminated:
		return nil, 603
	case st == Confirmed && r.EarlyOnly:
		return nil, 486
	case st == Early && d.called: // only what this side began may be taken over before it is answered
		return nil, 481
	}
	return d, 0
}

// tag0: "0" stands for the missing tag of RFC 2543 (RFC 3891 §6.1).
func tag0(tag []byte) []byte {
	if len(tag) == 1 && tag[0] == '0' {
		return nil
	}
	return tag
}
