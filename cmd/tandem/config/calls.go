package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tandem/media"
	"tandem/media/relay"
	"tandem/media/sound"
)

// Telephony is how calls are led.
type Telephony struct {
	AllCalls      bool          `yaml:"all_calls" json:"all_calls"`
	Calls         int           `yaml:"calls" json:"calls"`
	RingTime      time.Duration `yaml:"ring_time" json:"ring_time"`
	Recordings    string        `yaml:"recordings" json:"recordings,omitempty"`
	Announcements string        `yaml:"announcements" json:"announcements,omitempty"`
	ParkTime      time.Duration `yaml:"park_time" json:"park_time"`
	RecordingTone bool          `yaml:"recording_tone" json:"recording_tone"`
	Failover      time.Duration `yaml:"failover" json:"failover"`
	KeepRecords   time.Duration `yaml:"keep_records" json:"keep_records"`
	SessionTimer  time.Duration `yaml:"session_timer" json:"session_timer"`
	Reconnect     time.Duration `yaml:"reconnect" json:"reconnect"`
	Music         string        `yaml:"music" json:"music"`
}

// Media is the relay that the sound of calls passes.
type Media struct {
	Interfaces   []MediaInterface `yaml:"interfaces" json:"interfaces,omitempty"`
	Ports        string           `yaml:"ports" json:"ports"`
	Workers      int              `yaml:"workers" json:"workers,omitempty"`
	Converters   int              `yaml:"converters" json:"converters,omitempty"`
	Kernel       string           `yaml:"kernel" json:"kernel" jsonschema:"enum=auto,enum=on,enum=off"`
	DSCP         int              `yaml:"dscp" json:"dscp"`
	StrictSource bool             `yaml:"strict_source" json:"strict_source"`
	OpusInGo     bool             `yaml:"opus_in_go" json:"opus_in_go"`
	Idle         time.Duration    `yaml:"idle" json:"idle"`
}

// MediaInterface is one network that sound comes from.
type MediaInterface struct {
	Name      string `yaml:"name" json:"name,omitempty"`
	Addr      string `yaml:"addr" json:"addr"`
	Advertise string `yaml:"advertise" json:"advertise,omitempty"`
}

// Config is what the media server is made with.
func (m *Media) Config() (media.Config, error) {
	cfg := media.Config{Workers: m.Workers, Converters: m.Converters, Kernel: m.Kernel, DSCP: m.DSCP, Idle: m.Idle,
		Learn: media.LearnAfterSignalling, Opus: media.Opus{DecodeInGo: m.OpusInGo}}
	if m.StrictSource {
		cfg.Learn = media.LearnNever
	}
	var err error
	if cfg.PortMin, cfg.PortMax, err = m.ports(); err != nil {
		return cfg, err
	}
	for _, in := range m.Interfaces {
		i, err := in.open()
		if err != nil {
			return cfg, err
		}
		cfg.Interfaces = append(cfg.Interfaces, i)
	}
	return cfg, nil
}

func (m *Media) ports() (first, last int, err error) {
	a, b, ok := strings.Cut(m.Ports, "-")
	first, err1 := strconv.Atoi(strings.TrimSpace(a))
	last, err2 := strconv.Atoi(strings.TrimSpace(b))
	if !ok || err1 != nil || err2 != nil || first < 1024 || last > 65535 || last-first < 3 {
		return 0, 0, fmt.Errorf("%q is not a range of at least four ports between 1024 and 65535, such as 16384-32767", m.Ports)
	}
	return first, last, nil
}

func (i *MediaInterface) open() (relay.Interface, error) {
	out := relay.Interface{Name: i.Name}
	var err error
	if out.Bind, err = netip.ParseAddr(i.Addr); err != nil {
		return out, fmt.Errorf("addr %q is not an IP address of this machine", i.Addr)
	}
	if out.Name == "" {
		out.Name = i.Addr
	}
	if i.Advertise != "" {
		if out.Advertise, err = netip.ParseAddr(i.Advertise); err != nil {
			return out, fmt.Errorf("advertise %q is not an IP address; phones do not look names up", i.Advertise)
		}
	} else if out.Bind.IsUnspecified() {
		return out, fmt.Errorf("addr %s means all addresses; name one of them, or set advertise to the address that phones are told", i.Addr)
	}
	return out, nil
}

func (c *Config) callFaults(bad func(key, format string, args ...any)) {
	if _, _, err := c.Media.ports(); err != nil {
		bad("media.ports", "%w", err)
	}
	for n := range c.Media.Interfaces {
		if _, err := c.Media.Interfaces[n].open(); err != nil {
			bad(fmt.Sprintf("media.interfaces[%d]", n), "%w", err)
		}
	}
	switch c.Media.Kernel {
	case "auto", "on", "off":
	default:
		bad("media.kernel", "%q is unknown; use auto, on or off", c.Media.Kernel)
	}
	if c.Media.Idle < 5*time.Second {
		bad("media.idle", "has %s; a pause of less than 5s ends no call", c.Media.Idle)
	}
	if c.Telephony.Calls < 1 {
		bad("telephony.calls", "must be at least 1")
	}
	if c.Telephony.KeepRecords < 0 {
		bad("telephony.keep_records", "has %s; give how long records are kept, or 0 to keep them for ever", c.Telephony.KeepRecords)
	}
	if c.Telephony.Failover < time.Second {
		bad("telephony.failover", "has %s; a trunk that is silent is left after 4s, so give at least 1s, better 20s", c.Telephony.Failover)
	}
	if c.Telephony.RingTime < 5*time.Second {
		bad("telephony.ring_time", "has %s; nobody answers within less than 5s", c.Telephony.RingTime)
	}
	if t := c.Telephony.SessionTimer; t != 0 && t < 90*time.Second {
		bad("telephony.session_timer", "has %s; RFC 4028 allows no less than 90s, use 0 for none of our own", t)
	}
	if t := c.Telephony.ParkTime; t < 10*time.Second {
		bad("telephony.park_time", "has %s; who parks a call needs at least 10s before it comes back", t)
	}
	if dir := c.Telephony.Announcements; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			bad("telephony.announcements", "%q is not a folder; make it, or leave it out", dir)
		}
	}
	if c.Telephony.Reconnect < time.Second {
		bad("telephony.reconnect", "has %s; nobody comes back within less than 1s", c.Telephony.Reconnect)
	}
	if file := c.Telephony.Music; file != "" {
		if music, err := sound.OpenAnnouncement(file, sound.Rate, 0); err != nil {
			bad("telephony.music", "%w", err)
		} else {
			music.Close()
		}
	}
}

// Recordings is the folder of recordings.
func (c *Config) Recordings() string {
	if c.Telephony.Recordings == "" || filepath.IsAbs(c.Telephony.Recordings) {
		return c.Telephony.Recordings
	}
	return filepath.Join(c.Data, c.Telephony.Recordings)
}
