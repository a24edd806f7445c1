package event

// due is a heap of subscriptions by when something is to be done about them:
// what was held back is sent, or they end.
type due []*subscription

func (d due) swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = int32(i), int32(j)
}

// set enters a subscription, or moves it.
func (d *due) set(s *subscription, when int64) {
	if s.at >= 0 && s.due == when {
		return
	}
	if s.at < 0 {
		s.at = int32(len(*d))
		*d = append(*d, s)
	}
	s.due = when
	d.up(int(s.at))
	d.down(int(s.at))
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
		if d[parent].due <= d[i].due {
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
			if d[c].due < d[least].due {
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
