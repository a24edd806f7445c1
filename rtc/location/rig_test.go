package location

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
)

var errDisk = errors.New("disk full")

// disk is a Store whose commits the test makes happen.
type disk struct {
	Memory // keeps promises
	mu     sync.Mutex
	rows   map[rtc.AOR][]Binding
	queue  []write
	puts   int
	refuse error
	auto   bool // commit at once, from another goroutine
}

type write struct {
	aor  rtc.AOR
	list []Binding
	done func(error)
}

func newDisk() *disk { return &disk{rows: make(map[rtc.AOR][]Binding)} }

func (d *disk) PutBindings(aor rtc.AOR, _ int64, list []Binding, done func(error)) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		return 0, d.refuse
	}
	d.puts++
	d.queue = append(d.queue, write{aor, append([]Binding(nil), list...), done})
	if d.auto {
		go d.commit(nil)
	}
	return 0, nil
}

// commit ends what is queued, with err or on disk.
func (d *disk) commit(err error) int {
	d.mu.Lock()
	queue := d.queue
	d.queue = nil
	for _, w := range queue {
		switch {
		case err != nil:
		case len(w.list) == 0:
			delete(d.rows, w.aor)
		default:
			d.rows[w.aor] = w.list
		}
	}
	d.mu.Unlock()
	for _, w := range queue {
		w.done(err)
	}
	return len(queue)
}

func (d *disk) LoadBindings(_ func(string) (transport.Flow, bool), each func(rtc.AOR, int64, []Binding)) error {
	for aor, list := range d.rows {
		each(aor, 0, append([]Binding(nil), list...))
	}
	return nil
}

func (d *disk) written() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.puts
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const alice rtc.AOR = "sip:alice@example.com"

// draft is a binding of the phone named, good for d.
func draft(phone string, d time.Duration) Draft {
	return Draft{
		Contact: fmt.Appendf(nil, "<sip:%s@192.0.2.1>", phone), URI: fmt.Appendf(nil, "sip:%s@192.0.2.1", phone),
		CallID: []byte("call-" + phone), CSeq: 1, Q: 1000, UserAgent: []byte("Phone/1.0"), Expires: time.Now().Add(d),
	}
}

// outcome is what done was told, "" before that.
type outcome struct {
	mu   sync.Mutex
	said string
	n    int
}

func (o *outcome) done(list []Binding, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	o.said = "ok " + phones(list)
	if err != nil {
		o.said = "failed " + phones(list)
	}
}

func (o *outcome) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n > 1 {
		return fmt.Sprintf("%d times: %s", o.n, o.said)
	}
	return o.said
}

// phones lists who is bound: "a b".
func phones(list []Binding) string {
	s := ""
	for _, b := range list {
		var name string
		if _, err := fmt.Sscanf(b.URI, "sip:%1s@", &name); err != nil {
			name = b.URI
		}
		s += name
	}
	return s
}

// bind adds or refreshes one phone, as a registrar would.
func bind(l *Location, aor rtc.AOR, phone string, d time.Duration) *outcome {
	o := new(outcome)
	n := draft(phone, d)
	l.Update(aor, func(old []Binding) ([]Binding, error) {
		list := make([]Binding, 0, len(old)+1)
		fresh := true
		for i := range old {
			if old[i].URI == string(n.URI) {
				n.CSeq = old[i].CSeq + 1
				if n.Refreshes(&old[i]) {
					list = append(list, n.Refreshed(&old[i]))
					fresh = false
				}
			}
		}
		if fresh {
			list = append(list, n.Binding())
		}
		for i := range old {
			if old[i].URI != string(n.URI) {
				list = append(list, old[i])
			}
		}
		return list, nil
	}, o.done)
	return o
}

func unbind(l *Location, aor rtc.AOR) *outcome {
	o := new(outcome)
	l.Update(aor, func([]Binding) ([]Binding, error) { return nil, nil }, o.done)
	return o
}

func look(l *Location) *outcome {
	o := new(outcome)
	l.Update(alice, keep, o.done)
	return o
}
