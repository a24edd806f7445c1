package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/interop/behaviour"
)

//go:embed report.html
var pageText string

// page is the form of HTML. Everything in it is escaped where it stands.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"evidence": evidence,
	"class":    func(o Outcome) string { return strings.NewReplacer(" ", "-", ",", "").Replace(string(o)) },
	"ladder":   newLadder,
	"seconds":  func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) },
}).Parse(pageText))

// HTML writes the report as one page that needs nothing else: every row, and the
// ladder of each case that failed.
func (r *Report) HTML(w io.Writer) error {
	return page.Execute(w, map[string]any{"Report": r, "Outcomes": Outcomes, "Families": r.families(), "Failed": Failed})
}

// familyPart is the rows of one family of devices in a report.
type familyPart struct {
	Name    string
	Role    behaviour.Role
	Counts  map[Outcome]int
	Results []Result
}

// families are the rows by family, in their order.
func (r *Report) families() (list []familyPart) {
	for _, x := range r.Results {
		i := slices.IndexFunc(list, func(f familyPart) bool { return f.Name == x.Family })
		if i < 0 {
			i = len(list)
			list = append(list, familyPart{Name: x.Family, Role: x.Role, Counts: map[Outcome]int{}})
		}
		list[i].Counts[x.Outcome]++
		list[i].Results = append(list[i].Results, x)
	}
	return list
}

// ladder is a case as it is drawn: the devices, then the server, and one rung a
// message.
type ladder struct {
	Devices []string
	Rungs   []rung
}

// rung is one message. From and To are columns, counted from 1; the server's is
// the last.
type rung struct {
	Packet
	At       string // milliseconds
	Label    string
	From, To int
	Text     string // the bytes, with those that cannot be printed written out
}

// Begin and End are the lines of the grid between which a rung is drawn; its first
// column holds the time. Span is how many columns that are: a rung goes from the
// middle of the first to the middle of the last.
func (r rung) Begin() int { return min(r.From, r.To) + 1 }
func (r rung) End() int   { return max(r.From, r.To) + 2 }
func (r rung) Span() int  { return r.End() - r.Begin() }

// newLadder orders the messages of a case.
func newLadder(c Case) (l ladder) {
	for _, p := range c.Wire {
		if !slices.Contains(l.Devices, p.Device) {
			l.Devices = append(l.Devices, p.Device)
		}
	}
	server := len(l.Devices) + 1
	for _, p := range c.Wire {
		x := rung{Packet: p, At: strconv.FormatFloat(float64(p.After.Microseconds())/1000, 'f', 1, 64), Text: printable(p.Bytes)}
		x.From, x.To = slices.Index(l.Devices, p.Device)+1, server
		if !p.Sent {
			x.From, x.To = x.To, x.From
		}
		first, _, _ := strings.Cut(x.Text, "\n")
		x.Label = strings.TrimPrefix(strings.TrimSpace(first), "SIP/2.0 ")
		l.Rungs = append(l.Rungs, x)
	}
	return l
}

// printable shows bytes as text, line by line.
func printable(b []byte) string {
	var s strings.Builder
	for line := range strings.SplitSeq(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
		quoted := strconv.QuoteToGraphic(line)
		s.WriteString(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + "\n")
	}
	return s.String()
}
