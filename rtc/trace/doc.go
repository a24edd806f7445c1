// Package trace keeps the last SIP messages that went in or out and draws them
// as a ladder: the memory behind "tandem trace" and the demonstration.
//
// It owns a bounded ring of copied messages. It does not parse more of a
// message than the lines it shows or filters by, decides nothing, and forgets
// the oldest when its budget is spent.
package trace
