package trace

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	timeWidth = 9  // "  12.345 "
	minSpan   = 24 // columns nearer than this cannot be read
)

// Diagram draws messages as a ladder.
type Diagram struct {
	Width int               // characters a line; 0 means 100
	Names map[string]string // what to call an address ("host:port"); others are called by their address
	Order []string          // addresses from left to right; those not named follow as they appear
}

// Ladder draws entries with the addresses as names, width characters wide.
func Ladder(w io.Writer, entries []Entry, width int) error {
	return Diagram{Width: width}.Draw(w, entries)
}

// Draw writes the ladder: one line a message, seconds since the first on the
// left. With more ends than fit it writes a list instead.
func (d Diagram) Draw(w io.Writer, entries []Entry) error {
	out := bufio.NewWriter(w)
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !printable(e.Bytes) })
	if len(entries) == 0 {
		fmt.Fprintln(out, "no messages")
		return out.Flush()
	}
	if d.Width == 0 {
		d.Width = 100
	}
	ends := d.columns(entries)
	span := (d.Width - timeWidth - 6) / max(len(ends)-1, 1)
	if span < minSpan {
		d.list(out, entries)
		return out.Flush()
	}
	sheet := sheet{ends: ends, span: span, left: timeWidth + 4, width: d.Width}
	by := protos(entries)
	sheet.header(out, d.Names, by)
	again := repetitions(entries)
	for i := range entries {
		e := &entries[i]
		text := label(e, again[i], span-8)
		if strings.Contains(by[e.Remote], ",") { // the heading does not tell which
			proto := e.proto() + " "
			text = proto + label(e, again[i], span-8-len(proto))
		}
		sheet.message(out, e, entries[0].Time, text)
	}
	return out.Flush()
}

// repetitions says of each entry whether the same message went the same way
// before.
func repetitions(entries []Entry) []bool {
	again := make([]bool, len(entries))
	seen := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if e.Unsent != "" {
			continue // the message stands above it as if it had left
		}
		key := e.Flow + e.Local + e.Remote + fmt.Sprint(e.Out) + string(e.Bytes)
		again[i] = seen[key]
		seen[key] = true
	}
	return again
}

// columns orders the ends: the first peer, we, then the other peers. Our
// several addresses are one column.
func (d Diagram) columns(entries []Entry) []string {
	ends := slices.Clone(d.Order)
	for i := range entries {
		if !slices.Contains(ends, entries[i].Remote) {
			ends = append(ends, entries[i].Remote)
		}
	}
	return slices.Insert(ends, min(1, len(ends)), here)
}

// here names our own column; no address looks like it.
const here = "*"

func (d Diagram) name(end string) string {
	if n := d.Names[end]; n != "" {
		return n
	}
	if end == here {
		return "tandem"
	}
	return end
}

func (d Diagram) list(out *bufio.Writer, entries []Entry) {
	again := repetitions(entries)
	for i := range entries {
		e := &entries[i]
		arrow := "◀─ "
		switch {
		case e.Unsent != "":
			arrow = "─╳ "
		case e.Out:
			arrow = "─▶ "
		}
		line := fmt.Sprintf("%8.3f %s%-4s%-21s  %s", e.Time.Sub(entries[0].Time).Seconds(), arrow, e.proto(), d.name(e.Remote), label(e, again[i], d.Width))
		fmt.Fprintln(out, cut(line, d.Width))
	}
}

// sheet places columns on the line.
type sheet struct {
	ends  []string
	span  int
	left  int
	width int
}

func (s *sheet) at(end string) int { return s.left + slices.Index(s.ends, end)*s.span }

// proto is the transport of a message: "udp".
func (e *Entry) proto() string {
	proto, _, _ := strings.Cut(e.Flow, " ")
	return proto
}

// protos are the transports by which each end was talked to: "udp,tcp".
func protos(entries []Entry) map[string]string {
	all := map[string]string{}
	for i := range entries {
		e := &entries[i]
		switch known := all[e.Remote]; {
		case known == "":
			all[e.Remote] = e.proto()
		case !slices.Contains(strings.Split(known, ","), e.proto()):
			all[e.Remote] += "," + e.proto()
		}
	}
	return all
}

func (s *sheet) header(out *bufio.Writer, names, protos map[string]string) {
	d := Diagram{Names: names}
	for row := range 3 {
		line := blank(s.at(s.ends[len(s.ends)-1]) + s.span)
		for _, end := range s.ends {
			text := d.name(end)
			switch {
			case row == 1 && names[end] == "", row > 0 && end == here:
				continue
			case row == 1:
				text = end
			case row == 2:
				text = protos[end]
			}
			text = cut(text, s.span-2)
			n := utf8.RuneCountInString(text)
			place(line, max(min(s.at(end)-n/2, s.width-n), 0), text)
		}
		if text := strings.TrimRight(string(line), " "); text != "" {
			fmt.Fprintln(out, text)
		}
	}
}

func (s *sheet) message(out *bufio.Writer, e *Entry, start time.Time, text string) {
	line := blank(s.at(s.ends[len(s.ends)-1]) + 1)
	for _, end := range s.ends {
		line[s.at(end)] = '│'
	}
	from, to := s.at(e.Remote), s.at(here)
	if e.Out {
		from, to = to, from
	}
	lo, hi := min(from, to), max(from, to)
	for x := lo + 1; x < hi; x++ {
		line[x] = '─'
	}
	head := [2]rune{'◀', '▶'}
	if e.Unsent != "" {
		head = [2]rune{'╳', '╳'}
	}
	if to > from {
		line[hi-1] = head[1]
	} else {
		line[lo+1] = head[0]
	}
	// One segment's room, beside our own column where the lines are shortest.
	text = " " + text + " "
	x := lo + 3
	if hi-lo > s.span && from == hi {
		x = hi - 3 - utf8.RuneCountInString(text)
	}
	place(line, x, text)
	place(line, 0, fmt.Sprintf("%8.3f", e.Time.Sub(start).Seconds()))
	fmt.Fprintln(out, strings.TrimRight(string(line), " "))
}

// label says what a message is in at most room characters.
func label(e *Entry, again bool, room int) string {
	h := scan(e.Bytes)
	var text, tail string
	switch {
	case h.status != "":
		text = h.status
		if h.cseq != "" {
			tail = " (" + h.cseq + ")"
		}
	case h.method != "":
		text = h.method + " " + h.uri
	default:
		text = "not SIP"
	}
	if h.sdp {
		tail += " +SDP"
	}
	switch {
	case again:
		text = "again: " + text
	case e.Unsent != "":
		text, tail = e.Unsent+": "+text, ""
	}
	return cut(text, room-utf8.RuneCountInString(tail)) + tail
}

// printable tells whether a datagram is more than a keep-alive.
func printable(b []byte) bool {
	return len(strings.TrimSpace(string(b[:min(len(b), 8)]))) > 0
}

func blank(n int) []rune {
	line := make([]rune, n)
	for i := range line {
		line[i] = ' '
	}
	return line
}

// place writes text over line from column x on.
func place(line []rune, x int, text string) {
	for _, r := range text {
		if x >= len(line) {
			return
		}
		if r < ' ' || r == 0x7f {
			r = '?' // a message must not steer the terminal
		}
		line[x] = r
		x++
	}
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}
