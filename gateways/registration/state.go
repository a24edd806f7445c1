package registration

import "time"

// Phase is where a registration stands.
type Phase string

// The phases.
const (
	Trying     Phase = "trying"     // it has not been answered yet
	Registered Phase = "registered" // calls come in
	Refused    Phase = "refused"    // by the provider, which must be told something else
	Failing    Phase = "failing"    // the provider did not answer, or cannot for now
)

// State is how the registration with one trunk stands.
type State struct {
	Trunk   string
	Address string // what is registered, an address of record
	Phase   Phase
	Since   time.Time // it is in this phase
	Until   time.Time // what the provider granted; zero unless it is registered
	Next    time.Time // when it is asked again
	Code    int       // of the last answer, 0 without one
	Why     string    // of the last failure, for people
	Remedy  string    // what to do about it, for people
	Failed  int       // attempts in a row
}
