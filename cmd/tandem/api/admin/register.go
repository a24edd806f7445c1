package admin

import op "tandem/cmd/tandem/api/operation"

// nouns are the operations on a State.
type nouns struct {
	*State
	set     *op.Set
	user    func(name string) (address string, err error)
	running func() error // nil while a server runs
}

// Register adds the operations on s to set. user finds a user as people
// write it; running is what those ask that need a running server.
func Register(set *op.Set, s *State, user func(name string) (address string, err error), running func() error) {
	n := &nouns{s, set, user, running}
	n.registerTokens()
	n.registerWebhooks()
	n.registerEvents()
	n.registerAudit()
}
