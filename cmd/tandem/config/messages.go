package config

import "time"

// Messages is how instant messages are delivered and kept.
type Messages struct {
	Deliver   string        `yaml:"deliver" json:"deliver" jsonschema:"enum=all,enum=best"`
	Copies    bool          `yaml:"copies" json:"copies"`
	Strangers string        `yaml:"strangers" json:"strangers" jsonschema:"enum=deliver,enum=hold,enum=refuse"`
	Keep      time.Duration `yaml:"keep" json:"keep"`
	Octets    int           `yaml:"octets" json:"octets"`
	Mailbox   int           `yaml:"mailbox" json:"mailbox"`
	Bytes     int           `yaml:"mailbox_bytes" json:"mailbox_bytes"`
	Rate      int           `yaml:"rate" json:"rate"`
	Burst     int           `yaml:"burst" json:"burst"`
}

func (m *Messages) faults(bad func(key, format string, args ...any)) {
	if m.Deliver != "all" && m.Deliver != "best" {
		bad("messages.deliver", "%q is unknown; use all or best", m.Deliver)
	}
	if m.Strangers != "deliver" && m.Strangers != "hold" && m.Strangers != "refuse" {
		bad("messages.strangers", "%q is unknown; use deliver, hold or refuse", m.Strangers)
	}
	if m.Keep < 0 || m.Keep > 0 && m.Keep < time.Minute {
		bad("messages.keep", "has %s; use at least 1m, or 0 to keep nothing", m.Keep)
	}
	if m.Octets < 1 || m.Octets > 60000 {
		bad("messages.octets", "has %d; use 1 to 60000, what fits a message of limits.message_bytes", m.Octets)
	}
	if m.Mailbox < 1 || m.Bytes < m.Octets {
		bad("messages.mailbox", "needs at least 1 message, and mailbox_bytes of at least octets; has %d and %d", m.Mailbox, m.Bytes)
	}
	if m.Rate < 0 || m.Burst < 1 {
		bad("messages.rate", "needs a rate of 0 or more and a burst of at least 1; has %d and %d", m.Rate, m.Burst)
	}
}
