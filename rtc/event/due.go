package event

// due is a heap of subscriptions by when something is to be done about them:
// what was held back is sent, or they end. One of which something is to be done
// later than was thought stays where it is until it is at the top: a refresh, of
// which there are many, moves nothing.
type due []*subscription

func (d due) swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = int32(i), int32(j)
}

// set enters a subscription, or has it come earlier or later.
func (d *due) set(s *subscription, when int64) {
	s.due = when
	if s.at < 0 {
		s.at = int32(len(*d))
		*d = append(*d, s)
	} else if when >= s.key {
		return
	}
	s.key = when
	d.up(int(s.at))
}

// first is when something is to be done about the first, nil when there is none.
func (d due) first() *subscription {
	for len(d) > 0 {
		s := d[0]
		if s.key == s.due {
			return s
		}
		s.key = s.due
		d.down(0)
	}
	return nil
}

func (d *due) remove(s *subscription) {
	i := int(s.at)
	if i < 0 {
		return
	}
	last := len(*d) - 1
	if i != last {
		d.swap(i, last)
	}
	(*d)[last] = nil
	*d = (*d)[:last]
	s.at = -1
	if i < last {
		moved := (*d)[i]
		d.up(i)
		d.down(int(moved.at))
	}
}

func (d due) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if d[parent].key <= d[i].key {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d due) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(d); c++ {
			if d[c].key < d[least].key {
				least = c
			}
		}
		if least == i {
			return
		}
		d.swap(i, least)
		i = least
	}
}
