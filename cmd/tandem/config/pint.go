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
	Keep       time.Duration  `yaml:"keep" json:"keep" jsonschema_description:"How long it is kept what became of requests"`
	Sessions   int            `yaml:"sessions" json:"sessions" jsonschema_description:"Requests under way or scheduled, at most"`
	Contexts   []PINTContext  `yaml:"contexts" json:"contexts,omitempty" jsonschema_description:"Private phone-contexts"`
	FetchHosts []string       `yaml:"fetch_hosts" json:"fetch_hosts,omitempty" jsonschema_description:"Hosts that requests may name in uri:, such as files.example.com or *.example.com; empty: none"`
	FetchFrom  []string       `yaml:"fetch_from" json:"fetch_from,omitempty" jsonschema_description:"Networks (CIDR) that these hosts may be in besides the public ones"`
	Fax        PINTFax        `yaml:"fax" json:"fax"`
	Providers  []PINTProvider `yaml:"providers" json:"providers,omitempty" jsonschema_description:"Telephone providers that requests may name (tsp), and the trunks by which they are reached"`
	Services   []PINTService  `yaml:"services" json:"services,omitempty" jsonschema_description:"Services besides R2C, R2F, R2FB and R2HC, or in their place"`
}

// PINTProvider is a telephone provider.
type PINTProvider struct {
	TSP   string `yaml:"tsp" json:"tsp" jsonschema_description:"Its domain, as requests write it: telco.com"`
	Trunk string `yaml:"trunk" json:"trunk" jsonschema_description:"Name of the trunk, or trunk group, by which numbers are called then"`
}

// PINTFax is where documents go that requests want faxed. Without a program and a URL
// faxes are refused.
type PINTFax struct {
	Program   string        `yaml:"program" json:"program,omitempty" jsonschema_description:"Path of a program that sends a document: it gets the number and the files as arguments, and a JSON description on its input; what it prints is the status"`
	URL       string        `yaml:"url" json:"url,omitempty" jsonschema_description:"Address of a service that sends a document: it gets the same as multipart/form-data"`
	TokenFile string        `yaml:"token_file" json:"token_file,omitempty" jsonschema_description:"File that holds what is sent to the URL as bearer token"`
	Types     []string      `yaml:"types" json:"types,omitempty" jsonschema_description:"Media types that can be faxed"`
	Time      time.Duration `yaml:"time" json:"time" jsonschema_description:"How long sending may take"`
}

// PINTContext is a context of private numbers.
type PINTContext struct {
	Context string `yaml:"context" json:"context" jsonschema_description:"Its name, as requests write it: X-example.com-1"`
	Dial    string `yaml:"dial" json:"dial" jsonschema_description:"What is dialled here before its numbers"`
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
	Name      string        `yaml:"name" json:"name" jsonschema_description:"User part of the service's address"`
	Kind      string        `yaml:"kind" json:"kind" jsonschema:"enum=r2c,enum=r2f,enum=r2fb,enum=r2hc"`
	First     string        `yaml:"first" json:"first,omitempty" jsonschema:"enum=a,enum=b" jsonschema_description:"Party that is called first; empty: b, who asked for the call"`
	Party     string        `yaml:"party" json:"party,omitempty" jsonschema_description:"The A party, whatever a request says: a number or a user's address"`
	CallerIDA string        `yaml:"caller_id_a" json:"caller_id_a,omitempty" jsonschema_description:"Number shown to A; empty: that of B"`
	CallerIDB string        `yaml:"caller_id_b" json:"caller_id_b,omitempty" jsonschema_description:"Number shown to B; empty: that of A"`
	AnyParty  bool          `yaml:"any_party" json:"any_party,omitempty" jsonschema_description:"B may be any number that the requester may call; otherwise only the requester's own"`
	RingTime  time.Duration `yaml:"ring_time" json:"ring_time,omitempty" jsonschema_description:"How long each party may ring; 0: 1m"`
	MaxTalk   time.Duration `yaml:"max_talk" json:"max_talk,omitempty" jsonschema_description:"Longest talk time; 0: 4h"`
	Retries   int           `yaml:"retries" json:"retries,omitempty" jsonschema_description:"How often a call is tried again"`
	Pause     time.Duration `yaml:"pause" json:"pause,omitempty" jsonschema_description:"Between two tries; 0: 1m"`
	Record    string        `yaml:"record" json:"record,omitempty" jsonschema:"enum=never,enum=asked,enum=always" jsonschema_description:"Whether calls are recorded; asked: when a request wants it; empty: never"`
	Machine   string        `yaml:"machine" json:"machine,omitempty" jsonschema:"enum=hangup,enum=join,enum=speak" jsonschema_description:"What is done when an answering machine answers; empty: nobody listens for one"`
	Message   string        `yaml:"message" json:"message,omitempty" jsonschema_description:"Text that is spoken to an answering machine in a call between two, with machine: speak"`
	Gateways  []string      `yaml:"gateways" json:"gateways,omitempty" jsonschema_description:"Users who may register gateways for the service; with any, the gateways do it"`
	RetryOn   []string      `yaml:"retry_on" json:"retry_on,omitempty" jsonschema_description:"busy, no-answer, failed; empty: the first two"`
	QuietFrom string        `yaml:"quiet_from" json:"quiet_from,omitempty" jsonschema_description:"From then on nobody is called: 22:00"`
	QuietTo   string        `yaml:"quiet_to" json:"quiet_to,omitempty" jsonschema_description:"Until then: 07:00"`
	QuietZone string        `yaml:"quiet_zone" json:"quiet_zone,omitempty" jsonschema_description:"Zone of these times: Europe/Berlin; empty: UTC"`
	PerMinute int           `yaml:"per_minute" json:"per_minute,omitempty" jsonschema_description:"Requests of one user within a minute; 0: 10"`
	AtOnce    int           `yaml:"at_once" json:"at_once,omitempty" jsonschema_description:"Calls of one user at a time; 0: 3"`
	Waiting   int           `yaml:"waiting" json:"waiting,omitempty" jsonschema_description:"Scheduled calls of one user; 0: 100"`
	Same      time.Duration `yaml:"same" json:"same,omitempty" jsonschema_description:"The same request is not taken again so soon; 0: 10s"`
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
