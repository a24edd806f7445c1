package report

import (
	"time"

	"tandem/interop/behaviour"
)

// Outcome is what came of a row.
type Outcome string

// The outcomes.
const (
	Passed     Outcome = "passed"
	Partly     Outcome = "passed in part"     // the row has a part nothing checks yet
	Unverified Outcome = "passed, unverified" // the server did it; nobody saw the device do it
	Failed     Outcome = "failed"
	NotRun     Outcome = "not run"
	Nothing    Outcome = "nothing to run"
)

// Outcomes in the order of reports.
var Outcomes = []Outcome{Passed, Partly, Unverified, Failed, NotRun, Nothing}

// Result is one row of a report.
type Result struct {
	ID       string               `json:"id"`
	Family   string               `json:"family"`
	Role     behaviour.Role       `json:"role"`
	Does     string               `json:"does"`
	Server   string               `json:"server"`
	Evidence []behaviour.Evidence `json:"evidence"`
	Seen     bool                 `json:"seen"` // nothing of it rests on lineage or memory
	Outcome  Outcome              `json:"outcome"`
	Why      string               `json:"why,omitempty"`  // not run, or nothing to run
	Open     string               `json:"open,omitempty"` // what nothing checks yet
	Cases    []Case               `json:"cases,omitempty"`
	Took     time.Duration        `json:"took_ns"`
}

// Case is one exchange.
type Case struct {
	Name  string        `json:"name,omitempty"`
	Fault string        `json:"fault,omitempty"` // what was wrong, "" for nothing
	Why   string        `json:"why,omitempty"`   // the device has no means for it
	Wire  []Packet      `json:"wire,omitempty"`  // all messages, where it failed
	Took  time.Duration `json:"took_ns"`
}

// Packet is one message of a failed case. Bytes are exact.
type Packet struct {
	After  time.Duration `json:"after_ns"` // the case began
	Device string        `json:"device"`
	Sent   bool          `json:"sent"` // by the device
	Peer   string        `json:"peer"`
	Proto  string        `json:"proto"`
	Bytes  []byte        `json:"bytes"`
	Fault  string        `json:"fault,omitempty"`
}
