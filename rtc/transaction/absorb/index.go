package absorb

// index tells where in the ring the record of a key is, by the hash of the key; a later
// record takes the place of an earlier one with the same hash. It is a table with open
// addressing, eight octets a place: that there is no such record, the answer to nearly
// every request, costs one line of the cache, where a map asks for three.
//
// A place holds half of a hash. The other half stands in the record and is looked at when
// that fits, so buf, the ring, is an argument of each method.
type index struct {
	places []place // a power of two, a quarter of them free
	used   int
}

type place struct {
	half uint32 // of the hash
	at   uint32 // offset of the record and 1; 0: free
}

const firstPlaces = 16

func halfOf(hash uint64) uint32 { return uint32(hash >> 32) }

// home is where the search for a hash begins.
func (x *index) home(half uint32) int { return int(half) & (len(x.places) - 1) }
func (x *index) after(i int) int      { return (i + 1) & (len(x.places) - 1) }

// find is the place of a hash, or the free one where it belongs.
func (x *index) find(hash uint64, buf []byte) int {
	i := x.home(halfOf(hash))
	for {
		p := x.places[i]
		if p.at == 0 || p.half == halfOf(hash) && record(buf[p.at-1:]).hash() == hash {
			return i
		}
		i = x.after(i)
	}
}

// get returns the offset of a record.
func (x *index) get(hash uint64, buf []byte) (at int, ok bool) {
	if x.used == 0 {
		return 0, false
	}
	p := x.places[x.find(hash, buf)]
	return int(p.at) - 1, p.at != 0
}

// put notes the offset of a record, which is in buf already.
func (x *index) put(hash uint64, at int, buf []byte) {
	if 4*(x.used+1) > 3*len(x.places) {
		x.grow()
	}
	i := x.find(hash, buf)
	if x.places[i].at == 0 {
		x.used++
	}
	x.places[i] = place{halfOf(hash), uint32(at) + 1}
}

func (x *index) grow() {
	old := x.places
	x.places = make([]place, max(firstPlaces, 2*len(old)))
	for _, p := range old {
		if p.at == 0 {
			continue
		}
		i := x.home(p.half)
		for x.places[i].at != 0 {
			i = x.after(i)
		}
		x.places[i] = p
	}
}

// remove forgets the record at an offset, unless a later one has its place.
func (x *index) remove(hash uint64, at int, buf []byte) {
	hole := x.find(hash, buf)
	if x.places[hole].at != uint32(at)+1 {
		return
	}
	// What stands behind moves up, but for what would come in front of its home.
	for i := x.after(hole); x.places[i].at != 0; i = x.after(i) {
		far := (i - x.home(x.places[i].half)) & (len(x.places) - 1)
		if far >= (i-hole)&(len(x.places)-1) {
			x.places[hole] = x.places[i]
			hole = i
		}
	}
	x.places[hole] = place{}
	x.used--
}
