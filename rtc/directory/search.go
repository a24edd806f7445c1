package directory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
)

// Bounds of a search.
const (
	DefaultFound = 50
	MaxFound     = 1000
	maxQuery     = 128 // octets
)

// Search finds users of whom every word of query is part of something: name,
// display name, mail, department, site, extension, telephone number, group or
// another alias. Letter case does not count, nor what people write between the
// digits of a number. Those where a field begins with it come first, then those
// where a word does, then the others, each by address; at most limit of them
// (0: DefaultFound, at most MaxFound). It takes no lock.
func (d *Directory) Search(query string, limit int) []User {
	words := d.accounts.words(query)
	if len(words) == 0 {
		return nil
	}
	if limit <= 0 {
		limit = DefaultFound
	}
	best := found{limit: min(limit, MaxFound)}
	// From the best to the worst, as far as needed.
	for look := fitsField; look < fitsNot && !best.enough(look); look++ {
		for i := range d.accounts.shards {
			d.accounts.shards[i].Load().search(words, look, &best)
		}
	}
	users := make([]User, len(best.hits))
	for i, h := range best.hits {
		users[i] = h.shard.user(h.number)
	}
	return users
}

// words is a text of the users of a shard in lower case, and where words begin in it,
// in their order. What begins with something is found by halving; what has it
// inside, by looking through the text, which processors do fast.
type words struct {
	text   []byte   // an entry for each record; each field of it begins with a zero octet, which no query has
	ends   []uint32 // of the entries in text
	starts []uint32 // of words in text, in the order of the text from there
}

// entry is the text of a record.
func (b *words) entry(i int) []byte { return b.text[before(b.ends, i):b.ends[i]] }

// order finds the words and puts them in order. What it makes has no reserve:
// it may stay as it is for ever.
func (b *words) order() {
	type place struct {
		head uint64 // the first octets, which nearly always tell
		at   uint32
	}
	places := make([]place, 0, len(b.text)/8)
	for i := 1; i < len(b.text); i++ {
		if between(b.text[i-1]) && !between(b.text[i]) {
			var head [8]byte
			copy(head[:], b.text[i:])
			places = append(places, place{binary.BigEndian.Uint64(head[:]), uint32(i)})
		}
	}
	slices.SortFunc(places, func(x, y place) int {
		if x.head != y.head {
			return cmp.Compare(x.head, y.head)
		}
		return bytes.Compare(b.text[x.at:], b.text[y.at:])
	})
	b.starts = make([]uint32, len(places))
	for i, p := range places {
		b.starts[i] = p.at
	}
}

// between is true of what stands between words.
func between(c byte) bool {
	return c < 0x80 && !('a' <= c && c <= 'z') && !('0' <= c && c <= '9')
}

// beginning is the part of starts where the text begins with word.
func (b *words) beginning(word []byte) []uint32 {
	at := func(word []byte) int {
		i, _ := slices.BinarySearchFunc(b.starts, word, func(s uint32, w []byte) int {
			return bytes.Compare(b.text[s:min(int(s)+len(w), len(b.text))], w)
		})
		return i
	}
	return b.starts[at(word):at(append(word[:len(word):len(word)], 0xff))]
}

// appendEntry writes what a user is found by. The default domain is left out,
// of a mail address too.
func appendEntry(dst []byte, u *User, domain string) []byte {
	field := func(s string) {
		if s != "" {
			dst = append(append(dst, 0), strings.ToLower(s)...)
		}
	}
	local := func(s string) string { return strings.TrimSuffix(s, "@"+domain) }
	name := local(strings.TrimPrefix(string(u.AOR), "sip:"))
	field(name)
	field(u.DisplayName)
	if mail := local(u.Mail); mail != name {
		field(mail)
	}
	field(u.Extension)
	field(u.Department)
	field(u.Site)
	for _, g := range u.Groups {
		field(g)
	}
	for _, alias := range u.Aliases {
		_, rest, _ := strings.Cut(string(alias), ":")
		field(local(rest))
	}
	return dst
}

// words splits a query as records are written. A telephone number is one word,
// whatever stands between its digits.
func (x *accounts) words(query string) [][]byte {
	if len(query) > maxQuery {
		query = query[:maxQuery]
	}
	query = strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, query))
	if digits := strings.Map(dropSeparators, query); digits != "" && strings.Trim(digits, "+0123456789") == "" {
		return [][]byte{[]byte(digits)}
	}
	var words [][]byte
	for _, w := range strings.Fields(query) {
		if at := strings.LastIndexByte(w, '@'); at > 0 && strings.HasPrefix(x.domain, w[at+1:]) {
			w = w[:at]
		}
		words = append(words, []byte(w))
	}
	slices.SortFunc(words, func(a, b []byte) int { return len(b) - len(a) }) // the rarer ones first
	return words
}

// dropSeparators drops what people write between digits.
func dropSeparators(r rune) rune {
	if strings.ContainsRune(" -./()", r) {
		return -1
	}
	return r
}

// search adds all records that fit as well as look, and maybe worse ones.
func (s *shard) search(words [][]byte, look int, best *found) {
	if look == fitsInside {
		s.containing(words, best)
		return
	}
	var rarest []uint32 // where the rarest of words begins a word
	skipped := 0
	for i, w := range words {
		rest := bytes.TrimLeftFunc(w, func(r rune) bool { return r < 0x80 && between(byte(r)) })
		if part := s.beginning(rest); i == 0 || len(part) < len(rarest) {
			rarest, skipped = part, len(w)-len(rest)
		}
	}
	for _, at := range rarest {
		before := int(at) - skipped - 1
		if field := before >= 0 && s.text[before] == 0; field == (look == fitsField) {
			i, _ := slices.BinarySearch(s.words.ends, at+1)
			s.consider(i, words, best)
		}
	}
}

// containing adds the records that have all words in them.
func (s *shard) containing(words [][]byte, best *found) {
	for i, from := 0, 0; from < len(s.text); from = int(s.words.ends[i]) {
		at := bytes.Index(s.text[from:], words[0])
		if at < 0 {
			return
		}
		for int(s.words.ends[i]) <= from+at {
			i++
		}
		s.consider(i, words, best)
	}
}

// consider adds the ith record if it has all words in it.
func (s *shard) consider(i int, words [][]byte, best *found) {
	entry := s.entry(i)
	worst := 0
	for _, w := range words {
		fits := fit(entry, w)
		if fits == fitsNot {
			return
		}
		worst = max(worst, fits)
	}
	best.add(hit{worst, entry, s, i})
}

// How well a word fits: at the start of a field, of a word in it, or inside one.
const (
	fitsField = iota
	fitsWord
	fitsInside
	fitsNot
)

// fit is how well word fits at its best place in the record.
func fit(record, word []byte) int {
	best := fitsNot
	for at := 0; ; at++ {
		next := bytes.Index(record[at:], word)
		if next < 0 {
			return best
		}
		at += next
		switch c := record[at-1]; {
		case c == 0:
			return fitsField
		case between(c):
			best = fitsWord
		default:
			best = min(best, fitsInside)
		}
	}
}

// hit is a user found.
type hit struct {
	rank   int
	entry  []byte // begins with the name
	shard  *shard
	number int // of the record
}

func compareHits(a, b hit) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), bytes.Compare(a.entry, b.entry))
}

// found are the best hits in order, at most limit.
type found struct {
	limit int
	hits  []hit
}

// enough is true when no hit that fits as look, or worse, can be among the best.
func (f *found) enough(look int) bool {
	return len(f.hits) == f.limit && f.hits[f.limit-1].rank < look
}

// add takes a hit, once.
func (f *found) add(h hit) {
	full := len(f.hits) == f.limit
	if full && compareHits(h, f.hits[f.limit-1]) >= 0 {
		return
	}
	at, there := slices.BinarySearchFunc(f.hits, h, compareHits)
	if there {
		return
	}
	if full {
		f.hits = f.hits[:f.limit-1]
	}
	f.hits = slices.Insert(f.hits, at, h)
}
