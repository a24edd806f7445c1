package provision

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/inventory"
)

// Preview is a file as a phone would get it, its secrets replaced by marks.
type Preview struct {
	Path string
	Text string
	file *family.File
}

// Preview makes the files of a phone, without giving them to anybody.
func (d *Desk) Preview(mac sipphone.MAC) ([]Preview, error) {
	p, err := d.cfg.Inventory.Get(mac)
	if err != nil {
		return nil, err
	}
	f := d.cfg.Families().Family(p.Family)
	if f == nil {
		return nil, fmt.Errorf("family %q: %w: this program does not know it", p.Family, sipphone.ErrInvalid)
	}
	seen, _ := d.cfg.Inventory.LastSeen(mac)
	ask := d.ask(p, seen.Model)
	var list []Preview
	for i := range f.Files {
		file := &f.Files[i]
		b, err := f.Render(file, &ask, d.cfg.Place())
		if err != nil {
			return nil, err
		}
		list = append(list, Preview{file.Path(&p), string(family.Masked(b, ask.Hidden()...)), file})
	}
	return list, nil
}

// Diff tells how the files of a phone differ from those it last got: "" when they
// do not. A file it never got counts as new.
func (d *Desk) Diff(ctx context.Context, mac sipphone.MAC) (string, error) {
	now, err := d.Preview(mac)
	if err != nil {
		return "", err
	}
	served, err := d.cfg.Inventory.ServedFiles(ctx, mac)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	shown := make(map[string]bool)
	for _, n := range now {
		if !n.file.Personal() || shown[n.file.Template] {
			continue
		}
		shown[n.file.Template] = true // a phone asks for it by one of its names
		old, at := "", "never fetched"
		if s, ok := latest(served, now, n.file.Template); ok {
			old, at = string(s.Text), s.At.UTC().Format("2006-01-02 15:04:05Z")
		}
		if old != n.Text {
			fmt.Fprintf(&b, "--- %s\t%s\n+++ %s\tnow\n", n.Path, at, n.Path)
			writeDiff(&b, lines(old), lines(n.Text))
		}
	}
	return b.String(), nil
}

// latest is what a phone last got that was made of a template.
func latest(served []inventory.Served, now []Preview, template string) (last inventory.Served, ok bool) {
	for _, s := range served {
		i := slices.IndexFunc(now, func(n Preview) bool { return n.Path == s.File })
		if i >= 0 && now[i].file.Template == template && (!ok || s.At.After(last.At)) {
			last, ok = s, true
		}
	}
	return last, ok
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// maxDiff bounds the table of writeDiff; longer parts are shown as replaced.
const maxDiff = 2000

// writeDiff writes the lines that differ, by the longest common subsequence of
// what is between the common beginning and end.
func writeDiff(b *strings.Builder, old, now []string) {
	for len(old) > 0 && len(now) > 0 && old[0] == now[0] {
		old, now = old[1:], now[1:]
	}
	for len(old) > 0 && len(now) > 0 && old[len(old)-1] == now[len(now)-1] {
		old, now = old[:len(old)-1], now[:len(now)-1]
	}
	if len(old) > maxDiff || len(now) > maxDiff {
		old, now = slices.Clone(old), slices.Clone(now)
		for _, s := range old {
			b.WriteString("-" + s + "\n")
		}
		for _, s := range now {
			b.WriteString("+" + s + "\n")
		}
		return
	}
	same := common(old, now)
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		switch {
		case i < len(old) && j < len(now) && old[i] == now[j]:
			i, j = i+1, j+1
		case j == len(now) || i < len(old) && same[i+1][j] >= same[i][j+1]:
			b.WriteString("-" + old[i] + "\n")
			i++
		default:
			b.WriteString("+" + now[j] + "\n")
			j++
		}
	}
}

// common[i][j] is the length of the longest common subsequence of old[i:] and
// now[j:].
func common(old, now []string) [][]int {
	same := make([][]int, len(old)+1)
	for i := range same {
		same[i] = make([]int, len(now)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			if old[i] == now[j] {
				same[i][j] = same[i+1][j+1] + 1
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	return same
}

// Hints are DHCP options by which phones of a family find this server.
type Hint struct {
	Family string
	Code   int
	Value  string
}

// Hints lists the DHCP options of all families, by option.
func (d *Desk) Hints() []Hint {
	place := d.cfg.Place()
	var list []Hint
	for _, f := range d.cfg.Families().All() {
		for _, o := range f.DHCP {
			value := place.URL
			switch {
			case o.Value == "tftp":
				value = place.TFTP
			case o.Value == "host":
				value = place.Host
			case o.Value == "dls":
				value = deployment(place.URL)
			case f.OldTLS && place.OldURL != "":
				value = place.OldURL
			}
			if value != "" {
				list = append(list, Hint{f.Name, o.Code, value})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Hint) int { return cmp.Compare(a.Code, b.Code) })
	return list
}

// deployment is how a URL is told to Unify's phones: maker and address in sub-options 1
// and 3 of option 43.
func deployment(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" {
		return "" // they speak nothing else
	}
	return "1=Siemens 3=sdlp://" + u.Host
}
