package pintroom

import (
	"errors"
	"strings"

	"tandem/pint"
	"tandem/pint/own"
	"tandem/pint/party"
	"tandem/rtc"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony/number"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// Providers are the telephone providers that requests may name (tsp), and by which trunk
// or trunk group each is reached. Without any the parameter means nothing.
type Providers map[string]string

// trunk is that of a provider, "" when none is named. The error is a *pint.Refusal.
func (p Providers) trunk(provider string) (string, error) {
	if provider == "" || len(p) == 0 {
		return "", nil
	}
	for tsp, trunk := range p {
		if strings.EqualFold(tsp, provider) {
			return trunk, nil
		}
	}
	return "", pint.Refuse(606, "the telephone provider %.60s is not reached from here: leave tsp out, or add it to pint.providers", provider)
}

// Users are those of the server, by address and by number, and the hosts that are it.
type Users interface {
	User(address rtc.AOR) (routing.User, bool)
	Number(number string) (routing.User, bool)
	Extension(site, extension string) (routing.User, bool)
	Ours(host []byte, port uint16) bool
	InDomain(uri sip.URI) sip.URI
}

// Rights is the directory, the numbering plan and the policy as PINT sees them.
type Rights struct {
	Users     Users
	Plan      func(site string) *number.Plan
	Policy    *policy.Engine
	Numbers   *own.Numbers
	Contexts  map[string]string // private phone-contexts, and what is dialled before their numbers
	Providers Providers
}

// Provider implements pint.Rights.
func (p Rights) Provider(name string) error {
	_, err := p.Providers.trunk(name)
	return err
}

// Resolve implements pint.Rights.
func (p Rights) Resolve(by rtc.AOR, who *party.Party) (pint.Destination, error) {
	requester, ok := p.Users.User(by)
	if !ok {
		return pint.Destination{}, pint.Refuse(403, "only a user of this server may ask for a service")
	}
	if who.Address != "" {
		return p.user(by, who.Address)
	}
	dial, err := who.Dial(p.Contexts)
	if err != nil {
		return pint.Destination{}, pint.Refuse(606, "Network Address Not Understood: %v", err)
	}
	plan := p.Plan(requester.Site)
	n, err := plan.Parse(dial)
	if err != nil || plan.Class(n) != number.ClassEmergency {
		if u, ok := p.Users.Extension(requester.Site, dial); ok {
			return destination(by, u), nil
		}
	}
	switch {
	case errors.Is(err, number.ErrTooShort):
		return pint.Destination{}, pint.Refuse(484, "%s is too short for a telephone number", who)
	case err != nil:
		return pint.Destination{}, pint.Refuse(606, "Network Address Not Understood: %s: %v", who, err)
	}
	if u, ok := p.Users.Number(n.String()); ok {
		return destination(by, u), nil
	}
	d := pint.Destination{To: n.String(), Kind: plan.Class(n).String(), Own: p.Numbers.Has(requester.AOR, n.String())}
	if n.Global() {
		d.Show = n.String()
	}
	return d, nil
}

func (p Rights) user(by rtc.AOR, address string) (pint.Destination, error) {
	uri, err := sip.ParseURI([]byte(address))
	if err != nil || !p.Users.Ours(uri.Host, uri.Port) {
		return pint.Destination{}, pint.Refuse(606, "%.80s cannot be called: only numbers and users of this server are", address)
	}
	u, ok := p.Users.User(rtc.AOR(p.Users.InDomain(uri).AppendAOR(nil)))
	if !ok {
		return pint.Destination{}, pint.Refuse(606, "%.80s cannot be called: there is no such user", address)
	}
	return destination(by, u), nil
}

// destination is a user as somebody calls him.
func destination(by rtc.AOR, u routing.User) pint.Destination {
	return pint.Destination{To: string(u.AOR), User: u.AOR, Own: u.AOR == by, Name: u.Display, Show: u.Number}
}

// May implements pint.Rights.
func (p Rights) May(by rtc.AOR, d pint.Destination) error {
	if d.User != "" {
		return nil
	}
	requester, ok := p.Users.User(by)
	if !ok {
		return pint.Refuse(403, "only a user of this server may ask for a service")
	}
	plan := p.Plan(requester.Site)
	n, err := plan.Parse(d.To)
	if err != nil {
		return pint.Refuse(606, "Network Address Not Understood: %s: %v", d.To, err)
	}
	question := rights.Question(plan, n)
	if question.Kind == number.ClassEmergency.String() {
		return pint.Refuse(403, "emergency numbers are called from a telephone, so that help knows where: they are not connected here")
	}
	decision := p.Policy.May(policy.Subject{User: requester.AOR, Groups: requester.Groups, Site: requester.Site}, question)
	if !decision.Allowed {
		return pint.Refuse(403, "%s may not call %s: %s", requester.AOR, d.To, decision.Reason)
	}
	return nil
}
