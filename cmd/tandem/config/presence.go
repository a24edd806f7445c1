package config

import "time"

// Events bound what can be subscribed to (SUBSCRIBE, NOTIFY).
type Events struct {
	Subscriptions int  `yaml:"subscriptions" json:"subscriptions"`
	PerUser       int  `yaml:"per_user" json:"per_user"`
	PerResource   int  `yaml:"per_resource" json:"per_resource"`
	PerList       int  `yaml:"per_list" json:"per_list"`
	UnderWay      int  `yaml:"under_way" json:"under_way"`
	Deactivate    bool `yaml:"deactivate" json:"deactivate"`
}

// Presence bounds what is published, and how often it is told.
type Presence struct {
	Interval     time.Duration `yaml:"interval" json:"interval"`
	Publications int           `yaml:"publications" json:"publications"`
	BodyBytes    int           `yaml:"body_bytes" json:"body_bytes"`
	LastSeen     bool          `yaml:"last_seen" json:"last_seen"`
	Unknown      string        `yaml:"unknown" json:"unknown" jsonschema:"enum=allow,enum=confirm,enum=polite-block,enum=block"`
}

func (c *Config) presenceFaults(bad func(key, format string, args ...any)) {
	for _, x := range []struct {
		key string
		n   int
	}{{"events.subscriptions", c.Events.Subscriptions}, {"events.per_user", c.Events.PerUser}, {"events.per_resource", c.Events.PerResource},
		{"events.per_list", c.Events.PerList}, {"events.under_way", c.Events.UnderWay}, {"presence.publications", c.Presence.Publications},
		{"presence.body_bytes", c.Presence.BodyBytes}} {
		if x.n < 1 {
			bad(x.key, "must be at least 1")
		}
	}
	if c.Presence.Interval < 0 {
		bad("presence.interval", "must not be negative; 0s tells every change at once")
	}
	switch c.Presence.Unknown {
	case "allow", "confirm", "polite-block", "block":
	default:
		bad("presence.unknown", "%q is unknown; use allow, confirm, polite-block or block", c.Presence.Unknown)
	}
}
