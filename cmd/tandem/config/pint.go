package config

import (
	"time"

	"tandem/pint/executive"
	"tandem/pint/fax"
	"tandem/pint/fetch"
	"tandem/pint/service"
)

// PINT is click-to-call.
type PINT struct {
	Keep       time.Duration  `yaml:"keep" json:"keep"`
	Sessions   int            `yaml:"sessions" json:"sessions"`
	Contexts   []PINTContext  `yaml:"contexts" json:"contexts,omitempty"`
	FetchHosts []string       `yaml:"fetch_hosts" json:"fetch_hosts,omitempty"`
	FetchFrom  []string       `yaml:"fetch_from" json:"fetch_from,omitempty"`
	Fax        PINTFax        `yaml:"fax" json:"fax"`
	Providers  []PINTProvider `yaml:"providers" json:"providers,omitempty"`
	Services   []PINTService  `yaml:"services" json:"services,omitempty"`
}

// PINTProvider is a telephone provider.
type PINTProvider struct {
	TSP   string `yaml:"tsp" json:"tsp"`
	Trunk string `yaml:"trunk" json:"trunk"`
}

// PINTFax is where documents go that requests want faxed. Without a program and a URL
// faxes are refused.
type PINTFax struct {
	Program   string        `yaml:"program" json:"program,omitempty"`
	URL       string        `yaml:"url" json:"url,omitempty"`
	TokenFile string        `yaml:"token_file" json:"token_file,omitempty"`
	Types     []string      `yaml:"types" json:"types,omitempty"`
	Time      time.Duration `yaml:"time" json:"time"`
}

// PINTContext is a context of private numbers.
type PINTContext struct {
	Context string `yaml:"context" json:"context"`
	Dial    string `yaml:"dial" json:"dial"`
}

// PhoneContexts are what is dialled before numbers of a phone-context.
func (p *PINT) PhoneContexts() map[string]string {
	m := make(map[string]string, len(p.Contexts))
	for _, c := range p.Contexts {
		m[c.Context] = c.Dial
	}
	return m
}

// Trunks are the trunks by which telephone providers are reached, by tsp.
func (p *PINT) Trunks() map[string]string {
	m := make(map[string]string, len(p.Providers))
	for _, known := range p.Providers {
		m[known.TSP] = known.Trunk
	}
	return m
}

// PINTService is one entry of the service table.
type PINTService struct {
	Name      string        `yaml:"name" json:"name"`
	Kind      string        `yaml:"kind" json:"kind" jsonschema:"enum=r2c,enum=r2f,enum=r2fb,enum=r2hc"`
	First     string        `yaml:"first" json:"first,omitempty" jsonschema:"enum=a,enum=b"`
	Party     string        `yaml:"party" json:"party,omitempty"`
	CallerIDA string        `yaml:"caller_id_a" json:"caller_id_a,omitempty"`
	CallerIDB string        `yaml:"caller_id_b" json:"caller_id_b,omitempty"`
	AnyParty  bool          `yaml:"any_party" json:"any_party,omitempty"`
	RingTime  time.Duration `yaml:"ring_time" json:"ring_time,omitempty"`
	MaxTalk   time.Duration `yaml:"max_talk" json:"max_talk,omitempty"`
	Retries   int           `yaml:"retries" json:"retries,omitempty"`
	Pause     time.Duration `yaml:"pause" json:"pause,omitempty"`
	Record    string        `yaml:"record" json:"record,omitempty" jsonschema:"enum=never,enum=asked,enum=always"`
	Machine   string        `yaml:"machine" json:"machine,omitempty" jsonschema:"enum=hangup,enum=join,enum=speak"`
	Message   string        `yaml:"message" json:"message,omitempty"`
	Gateways  []string      `yaml:"gateways" json:"gateways,omitempty"`
	RetryOn   []string      `yaml:"retry_on" json:"retry_on,omitempty"`
	QuietFrom string        `yaml:"quiet_from" json:"quiet_from,omitempty"`
	QuietTo   string        `yaml:"quiet_to" json:"quiet_to,omitempty"`
	QuietZone string        `yaml:"quiet_zone" json:"quiet_zone,omitempty"`
	PerMinute int           `yaml:"per_minute" json:"per_minute,omitempty"`
	AtOnce    int           `yaml:"at_once" json:"at_once,omitempty"`
	Waiting   int           `yaml:"waiting" json:"waiting,omitempty"`
	Same      time.Duration `yaml:"same" json:"same,omitempty"`
}

// Table is the service table.
func (p *PINT) Table() (*service.Table, error) {
	var own []service.Service
	for _, s := range p.Services {
		svc := service.Service{Name: s.Name, Kind: service.Kind(s.Kind), First: service.Leg(s.First), Party: s.Party,
			CallerID: [2]string{s.CallerIDA, s.CallerIDB}, AnyParty: s.AnyParty, RingTime: s.RingTime, MaxTalk: s.MaxTalk,
			Record: service.Record(s.Record), Machine: service.Action(s.Machine), Message: s.Message, Gateways: s.Gateways,
			Retries: s.Retries, Pause: s.Pause, Quiet: service.Quiet{From: s.QuietFrom, Until: s.QuietTo, Zone: s.QuietZone},
			Limits: service.Limits{PerMinute: s.PerMinute, AtOnce: s.AtOnce, Waiting: s.Waiting, Same: s.Same}}
		for _, r := range s.RetryOn {
			svc.RetryOn = append(svc.RetryOn, service.Reason(r))
		}
		own = append(own, svc)
	}
	return service.New(own)
}

// Machine is what sends faxes, nil when nothing does.
func (p *PINT) Machine(f *fetch.Fetcher) (executive.Fax, error) {
	if p.Fax.Program == "" && p.Fax.URL == "" {
		return nil, nil
	}
	return fax.New(fax.Config{Program: p.Fax.Program, URL: p.Fax.URL, TokenFile: p.Fax.TokenFile, Types: p.Fax.Types, Time: p.Fax.Time, Fetch: f})
}

func (p *PINT) faults(bad func(key, format string, args ...any)) {
	if _, err := p.Table(); err != nil {
		bad("pint.services", "%w", err)
	}
	if _, err := Prefixes(p.FetchFrom); err != nil {
		bad("pint.fetch_from", "%w", err)
	}
	if _, err := p.Machine(nil); err != nil {
		bad("pint.fax", "%w", err)
	}
	if p.Keep < time.Minute {
		bad("pint.keep", "has %s; clients ask about their requests for a minute at least", p.Keep)
	}
	if p.Sessions < 1 {
		bad("pint.sessions", "must be at least 1")
	}
}
