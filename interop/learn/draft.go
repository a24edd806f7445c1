package learn

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// Draft makes a family of behaviours of a capture: one row for each request by which
// the device begins something, with what the server answered. device tells it from
// others; when it is not valid the sender of the first request is taken. name is the
// capture's, for the sources. What no capture says is left to be filled in.
func Draft(list []Packet, device netip.Addr, name string) (*behaviour.Family, error) {
	first := -1
	for i, p := range list {
		if p.Message.IsRequest() && (!device.IsValid() || p.From.Addr() == device) {
			first = i
			break
		}
	}
	if first < 0 {
		return nil, fmt.Errorf("no request of %s is in the capture", device)
	}
	d := &drafter{list: list, role: roleOf(list, list[first].From), source: name, seen: map[string]bool{}}
	d.n = newNeutral(string(d.role), list[first])
	f := &behaviour.Family{Title: "TO DO: maker, model and firmware", Role: d.role}
	for i, p := range list {
		if p.Message.IsRequest() && p.From.Addr() == list[first].From.Addr() {
			if b := d.row(i); b != nil {
				b.ID = fmt.Sprintf("draft-%d-%s", len(f.Behaviours)+1, strings.ToLower(p.Message.Method()))
				f.Behaviours = append(f.Behaviours, *b)
			}
		}
	}
	return f, nil
}

// roleOf says that a device that registers is a phone.
func roleOf(list []Packet, from netip.AddrPort) behaviour.Role {
	for _, p := range list {
		if p.Message.IsRequest() && p.Message.Method() == "REGISTER" && p.From.Addr() == from.Addr() {
			return behaviour.Phone
		}
	}
	return behaviour.Gateway
}

type drafter struct {
	list   []Packet
	role   behaviour.Role
	source string
	n      *neutral
	seen   map[string]bool // Call-IDs with methods that have a row
}

// row is the row of a request that begins something, nil for others.
func (d *drafter) row(i int) *behaviour.Behaviour {
	m := d.list[i].Message
	_, inDialog := wire.Param(m.Get("To"), "tag")
	key := m.Method() + m.Get("Call-ID")
	if d.seen[key] || inDialog || m.Method() == "ACK" || m.Method() == "CANCEL" {
		return nil
	}
	d.seen[key] = true
	b := &behaviour.Behaviour{
		Does:     "TO DO: what is special about this " + m.Method() + ".",
		Server:   "TO DO: what the server has to do.",
		Evidence: []behaviour.Evidence{behaviour.EditedTrace},
		Source:   []string{d.source},
		Open:     "TO DO: what is not tried yet; leave it out when all is.",
	}
	text := d.n.request(m)
	if m.Method() == "REGISTER" {
		b.Run = []behaviour.Case{{Register: &behaviour.Register{Text: text}}}
		return b
	}
	who := string(d.role)
	var steps []behaviour.Step
	if d.role == behaviour.Phone {
		steps = append(steps, behaviour.Step{Who: who, Register: &struct{}{}})
	}
	steps = append(steps, behaviour.Step{Who: who, Send: &behaviour.Request{Text: text}})
	if code := d.final(i); code > 0 {
		steps = append(steps, behaviour.Step{Who: who, Wait: &behaviour.Wait{Code: strconv.Itoa(code)}})
		if m.Method() == "INVITE" {
			steps = append(steps, behaviour.Step{Who: who, Ack: true})
		}
	}
	b.Run = []behaviour.Case{{Steps: steps}}
	return b
}

// final is the code of the final response to a request, 0 when none was captured.
func (d *drafter) final(i int) int {
	m := d.list[i].Message
	for _, p := range d.list[i+1:] {
		r := p.Message
		if !r.IsRequest() && r.Status() >= 200 && r.Get("Call-ID") == m.Get("Call-ID") && r.CSeq() == m.CSeq() && r.Method() == m.Method() {
			return r.Status()
		}
	}
	return 0
}
