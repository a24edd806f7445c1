package config

import "time"

// Events bound what can be subscribed to (SUBSCRIBE, NOTIFY).
type Events struct {
	Subscriptions int  `yaml:"subscriptions" json:"subscriptions" jsonschema_description:"Subscriptions held in all; more are answered 503"`
	PerUser       int  `yaml:"per_user" json:"per_user" jsonschema_description:"Subscriptions of one user"`
	PerResource   int  `yaml:"per_resource" json:"per_resource" jsonschema_description:"Watchers of one user, or of one line"`
	PerList       int  `yaml:"per_list" json:"per_list" jsonschema_description:"Members of one list of contacts"`
	UnderWay      int  `yaml:"under_way" json:"under_way" jsonschema_description:"NOTIFYs of the last half second without an answer; more wait to be sent"`
	Deactivate    bool `yaml:"deactivate" json:"deactivate" jsonschema_description:"When the server stops, end all subscriptions so that their subscribers go to another server; else they go on after the restart"`
}

// Presence bounds what is published, and how often it is told.
type Presence struct {
	Interval     time.Duration `yaml:"interval" json:"interval" jsonschema_description:"Least time between two NOTIFYs of one subscription to presence; the first change is told at once, those within this time together"`
	Publications int           `yaml:"publications" json:"publications" jsonschema_description:"Documents published for one user at a time"`
	BodyBytes    int           `yaml:"body_bytes" json:"body_bytes" jsonschema_description:"Largest document that may be published; a larger one is answered 413"`
	LastSeen     bool          `yaml:"last_seen" json:"last_seen" jsonschema_description:"Tell watchers when somebody who is offline was last online; whoever is politely blocked can then tell that"`
	Unknown      string        `yaml:"unknown" json:"unknown" jsonschema:"enum=allow,enum=confirm,enum=polite-block,enum=block" jsonschema_description:"What a watcher gets for whom there is no rule"`
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
