package ng

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/sdp"
)

// call is a session and the sides of its tags.
type call struct {
	session *media.Session
	sides   map[string]media.Which
	tags    [2]string // the last tag of each side
	created time.Time

	interfaces [2]string   // as the offer's direction named them
	families   [2]string   // IP4 or IP6, as was asked for
	offered    bool        // an offer waits for its answer
	offerer    media.Which // who made the offer
	ending     *time.Timer // of a delayed deletion

	forks  map[string]*branch // by the branch of the proxy's Via
	tagged map[string]*branch // by the tag of their answers
}

// maxName limits the length of names that others choose.
const maxName = 1024

var errNoCall = errors.New("unknown call-id")

// offer takes an offer of the from-tag's side and returns one for the other side. The
// first offer of a call makes its session.
func (s *Server) offer(r Dict) (Dict, error) {
	id, tag := r.String("call-id"), r.String("from-tag")
	if id == "" || tag == "" || r.String("sdp") == "" {
		return nil, errors.New("an offer needs call-id, from-tag and sdp")
	}
	if len(id) > maxName || len(tag) > maxName || len(r.String("to-tag")) > maxName {
		return nil, fmt.Errorf("call-id or tag is longer than %d octets", maxName)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.calls[id] == nil
	c, err := s.open(id)
	if err != nil {
		return nil, err
	}
	from, known := c.sides[tag]
	if !known {
		from = media.A
		if len(c.sides) > 0 && r.String("to-tag") != "" {
			if to, ok := c.sides[r.String("to-tag")]; ok {
				from = to.Other()
			}
		}
		c.name(tag, from)
	}
	if to := r.String("to-tag"); to != "" {
		c.name(to, from.Other())
	}
	if addr, ok := received(r); ok {
		c.session.Near(from, addr)
	}
	c.keep()
	text := source(r)
	if d := r.List("direction"); len(d) == 2 {
		c.interfaces[from], c.interfaces[from.Other()] = d[0], d[1]
	}
	if c.offered && c.offerer != from { // it was refused, or this one will be
		c.rollback()
	}
	w := want(r)
	var warning string
	w.Interface, warning = s.network(c, from.Other(), r)
	var out []byte
	if via := viaBranch(r); via != "" && from == media.A && (c.forks != nil || fresh) {
		out, err = c.fork(via, []byte(text), w)
	} else {
		c.settle()
		out, err = c.session.Offer(from, []byte(text), w)
	}
	if err != nil {
		c.rollback()
		if fresh {
			s.end(id)
		}
		return nil, err
	}
	c.offered, c.offerer = true, from
	return written(out, warning), nil
}

// written is the reply with a description.
func written(text []byte, warning string) Dict {
	reply := Dict{"sdp": string(text)}
	if warning != "" {
		reply["warning"] = warning
	}
	return reply
}

// network returns the interface for a side: the named one, otherwise the first with the
// requested address family.
func (s *Server) network(c *call, side media.Which, r Dict) (name, warning string) {
	for _, key := range []string{"address-family", "address family"} {
		if f := r.String(key); f != "" {
			c.families[side] = f
		}
	}
	named, family := c.interfaces[side], c.families[side]
	if family == "" {
		return named, ""
	}
	for _, in := range s.media.Interfaces() {
		if (named == "" || named == in.Name) && in.Advertise.Unmap().Is6() == (family == "IP6") {
			return in.Name, ""
		}
	}
	return named, "no interface for " + family
}

// rollback ends the current exchange; what was agreed before stays.
func (c *call) rollback() {
	c.session.Refused(media.A)
	c.session.Refused(media.B)
	c.offered = false
}

// open finds or makes a call.
func (s *Server) open(id string) (*call, error) {
	if c := s.calls[id]; c != nil {
		return c, nil
	}
	c := &call{sides: map[string]media.Which{}, created: time.Now()}
	var err error
	if c.session, err = s.media.Open(id, media.Options{Handle: func(e media.Event) { s.happened(c, e) }}); err != nil {
		return nil, err
	}
	s.calls[id] = c
	s.made++
	return c, nil
}

func (c *call) name(tag string, side media.Which) {
	if len(tag) > maxName {
		return
	}
	if len(c.sides) < 64 { // more than 64 forks are an abuse
		c.sides[tag] = side
	}
	c.tags[side] = tag
}

func (s *Server) end(id string) {
	if c := s.calls[id]; c != nil {
		delete(s.calls, id)
		c.keep()
		c.session.Close()
	}
}

// answered takes the answer of the to-tag's side and returns one for the other.
func (s *Server) answered(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, offerer, err := s.party(r)
	if err != nil {
		return nil, err
	}
	if to := r.String("to-tag"); to != "" {
		c.name(to, offerer.Other())
	}
	if addr, ok := received(r); ok {
		c.session.Near(offerer.Other(), addr)
	}
	c.keep()
	text := source(r)
	w := answering(r)
	var warning string
	w.Interface, warning = s.network(c, offerer, r)
	out, err := c.join(r, offerer, []byte(text), w)
	if err != nil {
		return nil, err
	}
	c.offered = false
	return written(out, warning), nil
}

// received reads "received from": [family, address].
func received(r Dict) (netip.Addr, bool) {
	for _, key := range []string{"received-from", "received from"} {
		if list := r.List(key); len(list) == 2 {
			a, err := netip.ParseAddr(list[1])
			return a, err == nil
		}
	}
	return netip.Addr{}, false
}

// source returns the description of a request. With the flag SIP-source-address the
// source of the SIP message is used instead of the address in the description, as for
// phones that do not know about their NAT; media-address overrides both.
func source(r Dict) string {
	text := r.String("sdp")
	addr, ok := received(r)
	flags := r.List("flags")
	ok = ok && (slices.Contains(flags, "SIP-source-address") || slices.Contains(flags, "SIP source address"))
	for _, key := range []string{"media-address", "media address"} {
		if a, err := netip.ParseAddr(r.String(key)); err == nil {
			addr, ok = a, true
		}
	}
	if !ok {
		return text
	}
	d, err := sdp.Parse([]byte(text))
	if err != nil {
		return text // it will be refused
	}
	if d.Connection.IsValid() && !d.Connection.IsUnspecified() {
		d.Connection = addr
	}
	for i := range d.Media {
		if m := &d.Media[i]; m.Connection.IsValid() && !m.Connection.IsUnspecified() {
			m.Connection = addr
		}
	}
	return string(d.Append(nil))
}

// longestDelay limits how long a call may continue after its deletion, in seconds.
const longestDelay = 3600

// remove ends a call, at once or after the requested delay, unless the tags do not
// belong to it, or name a lost branch: then only that one is forgotten. An offer or
// answer during the delay keeps the call.
func (s *Server) remove(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.String("call-id")
	c := s.calls[id]
	if c == nil && slices.Contains(r.List("flags"), "fatal") {
		return nil, errNoCall
	}
	if c == nil {
		return Dict{"warning": "Call-ID not found"}, nil
	}
	if c.drop(r) {
		return c.figures(), nil
	}
	known := r.String("from-tag") == ""
	for _, tag := range []string{r.String("from-tag"), r.String("to-tag")} {
		side, ok := c.sides[tag]
		known = known || ok
		if ok && c.tags[side] != tag {
			delete(c.sides, tag)
			return c.figures(), nil
		}
	}
	if !known {
		return Dict{"warning": "the tags are not of this call"}, nil
	}
	out := c.figures()
	c.keep()
	delay := min(max(r.Int("delete-delay"), r.Int("delete delay")), longestDelay)
	if delay <= 0 {
		s.end(id)
		return out, nil
	}
	var ending *time.Timer
	ending = time.AfterFunc(time.Duration(delay)*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls[id] == c && c.ending == ending {
			s.end(id)
		}
	})
	c.ending = ending
	return out, nil
}

// keep cancels a delayed deletion.
func (c *call) keep() {
	if c.ending != nil {
		c.ending.Stop()
		c.ending = nil
	}
}

func (s *Server) query(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[r.String("call-id")]
	if c == nil {
		return nil, errNoCall
	}
	return c.figures(), nil
}

func (s *Server) list(r Dict) (Dict, error) {
	limit := int(r.Int("limit"))
	if limit <= 0 {
		limit = 32
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, size := []any{}, 0
	for id := range s.calls {
		if size += len(id) + 8; len(ids) >= limit || size > maxReply {
			break
		}
		ids = append(ids, id)
	}
	return Dict{"calls": ids}, nil
}

// press sends a key to the side opposite of from-tag's.
func (s *Server) press(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, from, err := s.party(r)
	if err != nil {
		return nil, err
	}
	digit := r.String("code")
	if digit == "" {
		digit = r.String("digit")
	}
	if len(digit) != 1 {
		return nil, fmt.Errorf("the code %q is not one key", digit)
	}
	code, ok := dtmf.Parse(digit[0])
	if !ok {
		return nil, fmt.Errorf("the code %q is not a key", digit)
	}
	e := dtmf.Event{Code: code, Duration: 100 * time.Millisecond, Volume: 8}
	if ms := r.Int("duration"); ms > 0 {
		e.Duration = time.Duration(min(ms, 5000)) * time.Millisecond
	}
	return Dict{}, c.session.Press(from.Other(), e)
}
