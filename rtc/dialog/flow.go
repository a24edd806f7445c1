package dialog

import (
	"sync"

	"tandem/rtc/transport"
)

// flowPart is a shard of the index from a connection's number to the first of
// the dialogs that are stuck to it.
type flowPart struct {
	mu sync.Mutex
	m  map[uint64]*Dialog
}

// follow notes by which flow the peer was heard.
func (d *Dialog) follow(f transport.Flow) {
	d.flow = f
	if !d.sticky || d.table == nil {
		return
	}
	if d.table.stick(d, f.ID()) && f.ID() != 0 && !f.Alive() { // it closed before it was in the index
		d.lane.After(0, func() { d.flowClosed(f) })
	}
}

// Flow is what the peer was heard by last. Only on the dialog's lane.
func (d *Dialog) Flow() transport.Flow { return d.flow }

// Stick has further requests go by a flow while it lives, wherever the target
// points: the peer is behind it.
func (d *Dialog) Stick(f transport.Flow) {
	d.sticky = true
	d.follow(f)
}

// stick moves a dialog to the list of a connection, 0 for none. It is called on
// the dialog's lane.
func (t *Table) stick(d *Dialog, id uint64) (moved bool) {
	if d.stuck == id {
		return false
	}
	if d.stuck != 0 {
		p := &t.flows[d.stuck%shards]
		p.mu.Lock()
		if d.before != nil {
			d.before.after = d.after
		} else if d.after != nil {
			p.m[d.stuck] = d.after
		} else {
			delete(p.m, d.stuck)
		}
		if d.after != nil {
			d.after.before = d.before
		}
		d.before, d.after = nil, nil
		p.mu.Unlock()
	}
	d.stuck = id
	if id != 0 {
		p := &t.flows[id%shards]
		p.mu.Lock()
		if p.m == nil {
			p.m = make(map[uint64]*Dialog)
		}
		if first := p.m[id]; first != nil {
			d.after, first.before = first, d
		}
		p.m[id] = d
		p.mu.Unlock()
	}
	return true
}

// stuckTo lists the dialogs that are stuck to a connection.
func (t *Table) stuckTo(id uint64) (list []*Dialog) {
	p := &t.flows[id%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := p.m[id]; d != nil; d = d.after {
		list = append(list, d)
	}
	return list
}

// FlowClosed implements transaction.FlowWatcher: the dialogs that are stuck to
// the connection are told.
func (ua *UA) FlowClosed(f transport.Flow) {
	if f.ID() == 0 {
		return
	}
	for _, d := range ua.cfg.Table.stuckTo(f.ID()) {
		d.lane.Do(func() { d.flowClosed(f) })
	}
}

func (d *Dialog) flowClosed(f transport.Flow) {
	if d.flow != f || d.State() == Terminated {
		return
	}
	for _, u := range d.usages {
		if w, ok := u.(FlowUser); ok {
			w.FlowClosed(f)
		}
	}
}
