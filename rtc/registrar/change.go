package registrar

import (
	"errors"
	"math/bits"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/sip"
)

var errRefused = errors.New("refused by the rules of registration")

// change applies the request to the bindings there are, all of it or nothing
// (RFC 3261 §10.3 steps 6 and 7). It runs under the location's lock.
func (j *job) change(old []location.Binding) ([]location.Binding, error) {
	list, st := j.apply(old)
	if st != nil {
		j.refused = st
		return nil, errRefused
	}
	return list, nil
}

func (j *job) apply(old []location.Binding) ([]location.Binding, *rtc.Status) {
	if j.star {
		return j.clear(old)
	}
	matched := uint64(0)
	var at [maxBindings]int8
	repeated := false
	for i := range j.contacts {
		at[i] = -1
		mask := j.match(old, &j.contacts[i])
		for k := range old {
			if mask&(1<<k) == 0 {
				continue
			}
			if at[i] < 0 {
				at[i] = int8(k)
			}
			// Step 7: of one Call-ID only a higher CSeq counts. The same one is
			// this request once more, and gets the present state.
			switch order(j, &old[k]) {
			case stale:
				return nil, outOfOrder()
			case repeat:
				repeated = true
			}
		}
		if !j.contacts[i].same {
			matched |= mask
		}
	}
	if repeated {
		return old, nil
	}
	return j.replace(old, matched, &at)
}

// clear is Contact: * (step 6).
func (j *job) clear(old []location.Binding) ([]location.Binding, *rtc.Status) {
	for k := range old {
		if order(j, &old[k]) != newer {
			return nil, outOfOrder()
		}
	}
	if len(old) == 0 {
		return old, nil
	}
	j.kind = removed
	return nil, nil
}

func outOfOrder() *rtc.Status { return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"} }

const (
	newer = iota
	repeat
	stale
)

func order(j *job, b *location.Binding) int {
	switch {
	case b.CallID != string(j.callID) || j.cseq > b.CSeq:
		return newer
	case j.cseq == b.CSeq:
		return repeat
	}
	return stale
}

// match finds the bindings a contact means. One bound to a flow is known by its
// instance and reg-id (RFC 5626 §6), any other by its URI (RFC 3261 §19.1.4); a
// removal without reg-id takes every binding of that URI.
func (j *job) match(old []location.Binding, c *contact) uint64 {
	mask := uint64(0)
	for k := range old {
		b := &old[k]
		same := false
		switch {
		case c.draft.RegID != 0 && b.RegID != 0:
			same = b.RegID == c.draft.RegID && b.Instance == string(c.draft.Instance)
		case c.draft.RegID != 0:
			same = b.Instance == string(c.draft.Instance) && c.means(b)
		case b.RegID != 0:
			same = c.remove && c.means(b)
		default:
			same = c.means(b)
		}
		if same {
			mask |= 1 << k
		}
	}
	return mask
}

// means compares the contact's URI with a binding's.
func (c *contact) means(b *location.Binding) bool {
	if string(c.draft.URI) == b.URI {
		return true
	}
	uri, err := sip.ParseURI([]byte(b.URI))
	return err == nil && sip.EqualURI(c.uri, uri)
}

// replace makes the new list: what the request names first, the rest behind it.
func (j *job) replace(old []location.Binding, matched uint64, at *[maxBindings]int8) ([]location.Binding, *rtc.Status) {
	count := len(old)
	for k := range old {
		if matched&(1<<k) != 0 {
			count--
		}
	}
	added := 0
	for i := range j.contacts {
		if c := &j.contacts[i]; !c.remove && !c.same {
			added++
		}
	}
	if added == 0 && matched == 0 {
		return old, nil
	}
	if over := count + added - j.g.cfg.MaxBindings; added > 0 && over > 0 {
		gone := j.yielding(old, matched, over)
		if bits.OnesCount64(gone) < over {
			return nil, &rtc.Status{Code: 403, Reason: "Too Many Contacts Registered"}
		}
		matched |= gone
		count -= over
	}
	j.kind = removed
	if added > 0 {
		j.kind = refreshed
	}
	list := make([]location.Binding, 0, count+added)
	for i := range j.contacts {
		c := &j.contacts[i]
		switch {
		case c.remove || c.same:
		case at[i] >= 0 && c.draft.Refreshes(&old[at[i]]):
			list = append(list, c.draft.Refreshed(&old[at[i]]))
		default:
			j.kind = bound
			list = append(list, c.draft.Binding())
		}
	}
	for k := range old {
		if matched&(1<<k) == 0 {
			list = append(list, old[k])
		}
	}
	return list, nil
}
