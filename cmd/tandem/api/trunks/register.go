package trunks

import (
	"time"

	op "tandem/cmd/tandem/api/operation"
	"tandem/gateways"
	"tandem/gateways/registration"
	"tandem/rtc"
)

// Rooms are what the operations act on.
type Rooms struct {
	Trunks        *gateways.Trunks
	Registrations Registrations // nil when no server runs
	Try           Try           // nil when no server runs
	ParseAOR      func(text string) (rtc.AOR, error)
	Running       func() error // nil while a server runs
}

// Registrations says how this server is registered with a trunk, false when that
// wants none.
type Registrations func(trunk string) (registration.State, bool)

// nouns are the operations on Rooms.
type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	n.register(set)
	n.registerTest(set)
}

// TrunkRegistration is how this server is registered with a trunk.
type TrunkRegistration struct {
	Address string    `json:"address" yaml:"address" doc:"What is registered"`
	Phase   string    `json:"phase" yaml:"phase" enum:"trying,registered,refused,failing"`
	Since   time.Time `json:"since" yaml:"since"`
	Until   time.Time `json:"until,omitzero" yaml:"until,omitempty" doc:"What the provider granted"`
	Next    time.Time `json:"next,omitzero" yaml:"next,omitempty" doc:"When it is asked again"`
	Code    int       `json:"code,omitempty" yaml:"code,omitempty" doc:"SIP status of the last answer"`
	Why     string    `json:"why,omitempty" yaml:"why,omitempty" doc:"Why the last attempt failed"`
	Remedy  string    `json:"remedy,omitempty" yaml:"remedy,omitempty" doc:"What to do about it"`
	Failed  int       `json:"failed,omitempty" yaml:"failed,omitempty" doc:"Attempts in a row"`
}

// registration of a trunk as shown, nil when it wants none.
func (a *nouns) registration(trunk string) *TrunkRegistration {
	if a.Registrations == nil {
		return nil
	}
	s, ok := a.Registrations(trunk)
	if !ok {
		return nil
	}
	r := Shown(s)
	return &r
}

// Shown is a registration as shown.
func Shown(s registration.State) TrunkRegistration {
	return TrunkRegistration{Address: s.Address, Phase: string(s.Phase), Since: s.Since, Until: s.Until, Next: s.Next,
		Code: s.Code, Why: s.Why, Remedy: s.Remedy, Failed: s.Failed}
}
