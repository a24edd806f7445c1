package im

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/sip"
)

// Draft is a message of our own, not of a request.
type Draft struct {
	From, To rtc.AOR
	Display  string // of the sender, "" none
	Type     string // of the body, "" = text/plain;charset=UTF-8
	Body     []byte
	Device   string // program it was written with, see Attach; "" none that gets messages
}

// Send sends a message as if its sender had sent it by SIP: the same rules,
// limits and archive. The status is 200 when a device has it and 202 when it is
// on disk; any other is an error.
func (im *IM) Send(ctx context.Context, d Draft) (code int, err error) {
	if d.Type == "" {
		d.Type = "text/plain;charset=UTF-8"
	}
	result := make(chan *rtc.Status, 1)
	f, err := im.own(d)
	if err != nil {
		return 0, err
	}
	f.done, f.wrote = func(st *rtc.Status) { result <- st }, programName(d.Device)
	f.proved, f.paced = true, true
	if err := im.admit(f, len(d.Body), time.Now()); err != nil {
		f.end()
		return 0, err
	}
	f.lane.Do(func() { im.archived(f, f.beginFunc) })
	select {
	case st := <-result:
		if st.Code/100 != 2 {
			return 0, st
		}
		return st.Code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// own makes the flight of a message of our own.
func (im *IM) own(d Draft) (*flight, error) {
	b := sip.Builder{}
	name := "<" + string(d.From) + ">"
	if d.Display != "" {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(d.Display) + `" ` + name
	}
	b.HeaderString(sip.HdrFrom, name+";tag="+rand.Text()[:16])
	b.HeaderString(sip.HdrTo, "<"+string(d.To)+">")
	b.HeaderString(sip.HdrCallID, rand.Text())
	b.HeaderString(sip.HdrCSeq, "1 MESSAGE")
	b.HeaderString(sip.HdrDate, time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	return im.flightOf(d.From, d.To, b.Finish(d.Type, d.Body))
}

// flightOf makes the flight of a text.
func (im *IM) flightOf(from, to rtc.AOR, text []byte) (*flight, error) {
	m := kept.Message{Text: text}
	parsed, err := m.Parsed()
	if err != nil {
		return nil, err
	}
	f := im.flight()
	f.lane, f.text, f.parsed, f.from, f.to = im.cfg.Layer.Lane(parsed.CallID()), text, parsed, from, to
	f.key, f.kind = im.keyHash(parsed), kindOf(parsed)
	return f, nil
}

// copies sends to the sender's other devices what he wrote.
func (im *IM) copies(f *flight) {
	if !im.cfg.Copies || f.tx == nil && f.wrote == "" || f.from == f.to {
		return
	}
	source, more := f.wrote, false
	for _, b := range im.cfg.Location.Bindings(f.from) {
		if f.tx != nil && b.Flow == f.tx.Flow() {
			source = device(b.Instance, b.URI)
		} else {
			more = true
		}
	}
	if source == "" || !more && !im.elsewhere(f.from, source) {
		return
	}
	c, err := im.flightOf(f.from, f.from, kept.AppendText(nil, f.message(), f.asserts, time.Now()))
	if err != nil {
		im.log.Warn("no copy for the sender's devices", "aor", string(f.from), "err", err)
		return
	}
	c.by, c.hops = source, f.hops
	c.begin() // the same Call-ID, so the same lane
}

// elsewhere reports whether a user was seen with another device.
func (im *IM) elsewhere(user rtc.AOR, source string) bool {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[user]
	return b != nil && len(b.away(func(instance string) bool { return instance == source })) > 0
}
