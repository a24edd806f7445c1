package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tandem/interop/behaviour"
)

// Report is a whole run.
type Report struct {
	Target  string          `json:"target"`
	Begun   time.Time       `json:"begun"`
	Took    time.Duration   `json:"took_ns"`
	Counts  map[Outcome]int `json:"counts"`
	Results []Result        `json:"results"`
}

// New makes the report of a run that has ended, and counts its outcomes.
func New(target string, begun time.Time, results []Result) *Report {
	r := &Report{Target: target, Begun: begun, Took: time.Since(begun), Counts: map[Outcome]int{}, Results: results}
	for _, x := range results {
		r.Counts[x.Outcome]++
	}
	return r
}

// Line is one row for people.
func (r *Result) Line() string {
	s := fmt.Sprintf("%-18s  %-32s  %s", r.Outcome, r.ID, evidence(r.Evidence))
	if r.Why != "" {
		s += "  " + r.Why
	}
	return s
}

func evidence(list []behaviour.Evidence) string {
	var words []string
	for _, e := range list {
		words = append(words, string(e))
	}
	return strings.Join(words, "+")
}

// Summary writes what came of the run; of failures everything, with all bytes.
func (r *Report) Summary(w io.Writer) {
	for _, x := range r.Results {
		if x.Outcome == Failed {
			x.explain(w)
		}
	}
	fmt.Fprintf(w, "\n%d rows against %s in %.1f s\n", len(r.Results), r.Target, r.Took.Seconds())
	for _, o := range Outcomes {
		if r.Counts[o] > 0 {
			fmt.Fprintf(w, "%6d %s%s\n", r.Counts[o], o, legend[o])
		}
	}
}

// legend says what an outcome does not.
var legend = map[Outcome]string{
	Partly:     ": the row asks for more than is tried; tandem interop show ROW names it",
	Unverified: ": the server did as the row says, but not all of it was seen on the device (inferred or remembered)",
	NotRun:     ": the reason stands beside each",
}

// explain writes a failure.
func (r *Result) explain(w io.Writer) {
	fmt.Fprintf(w, "\n%s (%s, evidence: %s)\n  the device: %s\n  the server: %s\n", r.ID, r.Family, evidence(r.Evidence), r.Does, r.Server)
	for _, c := range r.Cases {
		if c.Fault == "" {
			continue
		}
		fmt.Fprintf(w, "  failed%s: %s\n", map[bool]string{true: " (" + c.Name + ")"}[c.Name != ""], c.Fault)
		for _, p := range c.Wire {
			way := "got from"
			if p.Sent {
				way = "sent to"
			}
			fmt.Fprintf(w, "    %8.1f ms  %s %s %s, %s, %d octets\n", float64(p.After.Microseconds())/1000, p.Device, way, p.Peer, p.Proto, len(p.Bytes))
			for line := range strings.SplitAfterSeq(string(p.Bytes), "\n") {
				if line != "" {
					fmt.Fprintf(w, "        %s\n", strings.Trim(strconv.QuoteToGraphic(line), `"`))
				}
			}
			if p.Fault != "" {
				fmt.Fprintf(w, "        cannot be read: %s\n", p.Fault)
			}
		}
	}
}

// The form of JUnit that build servers read.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report for build servers: one suite a family, one case a
// row. Evidence stands in the name, what is left open in the output.
func (r *Report) JUnit(w io.Writer) error {
	var all junitSuites
	for _, x := range r.Results {
		n := len(all.Suites)
		if n == 0 || all.Suites[n-1].Name != x.Family {
			all.Suites = append(all.Suites, junitSuite{Name: x.Family, Time: "0"})
			n++
		}
		s := &all.Suites[n-1]
		s.Tests++
		c := junitCase{Name: x.ID + " [" + evidence(x.Evidence) + "]", Class: "interop." + x.Family, Time: fmt.Sprintf("%.3f", x.Took.Seconds()), Out: string(x.Outcome)}
		if x.Open != "" {
			c.Out += "\nnot tried: " + x.Open
		}
		switch x.Outcome {
		case Failed:
			s.Failures++
			var text strings.Builder
			x.explain(&text)
			c.Failure = &junitMessage{Message: x.Fault(), Text: text.String()}
		case NotRun, Nothing:
			s.Skipped++
			c.Skipped = &junitMessage{Message: x.Why}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Fault is the first thing that was wrong, "" for nothing.
func (r *Result) Fault() string {
	for _, c := range r.Cases {
		if c.Fault != "" {
			return c.Fault
		}
	}
	return ""
}
