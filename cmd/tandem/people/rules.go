package people

import (
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/im"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/telephony/identity"
	"tandem/telephony/routing"
)

// Rules are what users let others do with them, below the administrator's policy.
type Rules struct {
	Users     Users
	Consent   *consent.Book
	Contacts  *contacts.Book
	Policy    *policy.Engine
	Caller    func(*rtc.Request) (routing.Route, error) // who calls from a trunk
	Strangers string                                    // what becomes of messages of strangers: "deliver", "hold" or "refuse"
	Domains   []string
}

// Writing is what policy says about messages.
func Writing() policy.Action {
	return policy.Action{Name: "message", About: "write a message to somebody", Allow: true, Kinds: []policy.Kind{
		{Name: "contact", About: "to somebody whose contact the sender is", Allow: true},
		{Name: "stranger", About: "to others", Allow: true},
		{Name: "report", About: "be told by the server whether it is kept or lost", Allow: true},
	}}
}

// MayWrite is the rule of messages: the administrator's policy comes first, then
// the receiver's own rules, which presence and calls follow as well, then what
// holds for strangers.
func (x *Rules) MayWrite(a im.Ask) im.Verdict {
	if a.From == a.To {
		return im.Deliver
	}
	if a.Notice { // about a message of To, which From may have blocked
		if action, rule := x.Consent.Decide(a.From, x.Users.Watcher(a.To, true)); rule != nil && blocks(action) {
			return im.Drop
		}
		return im.Deliver
	}
	sender := x.Users.Watcher(a.From, a.Proved)
	subject := policy.Subject{User: a.From}
	if a.Proved {
		if u, ok := x.Users.Directory.User(a.From); ok {
			subject.Groups, subject.Site = u.Groups, u.Site
		}
	}
	known, kind := a.Proved && x.Knows(a.To, sender), "stranger"
	if known {
		kind = "contact"
	}
	if !x.Policy.May(subject, policy.Question{Action: "message", Kind: kind, Object: string(a.To)}).Allowed {
		return im.Refuse
	}
	action, rule := x.Consent.Decide(a.To, sender)
	if rule == nil {
		return x.toStrangers(known)
	}
	switch action {
	case consent.Block:
		return im.Refuse
	case consent.PoliteBlock:
		return im.Drop // to him the receiver is away, and always will be
	case consent.Confirm:
		return im.Hold
	}
	return im.Deliver
}

// Knows reports whether somebody is a contact of a user, by whichever address the user has
// written down.
func (x *Rules) Knows(user rtc.AOR, somebody consent.Watcher) bool {
	has := func(a rtc.AOR) bool { return x.Contacts.Has(user, a) }
	if has(somebody.AOR) || slices.ContainsFunc(somebody.Also, has) {
		return true
	}
	u, ok := x.Users.Directory.User(somebody.AOR)
	return ok && u.Extension != "" && has(extension(u))
}

// MayKnow tells whether a user may get reports of the server about messages to
// another.
func (x *Rules) MayKnow(sender, receiver rtc.AOR) bool {
	u, _ := x.Users.Directory.User(sender)
	subject := policy.Subject{User: sender, Groups: u.Groups, Site: u.Site}
	return x.Policy.May(subject, policy.Question{Action: "message", Kind: "report", Object: string(receiver)}).Allowed
}

func blocks(a consent.Action) bool { return a == consent.Block || a == consent.PoliteBlock }

// toStrangers is what becomes of messages about which the receiver has no rule.
func (x *Rules) toStrangers(known bool) im.Verdict {
	switch strangers := x.Strangers; {
	case known || strangers == "deliver":
		return im.Deliver
	case strangers == "hold":
		return im.Hold
	}
	return im.Refuse
}

// Bars is what somebody whom a user has blocked is told when he calls: what he would
// be told if there were no such user, or if the user were away. nil: he may call. A
// telephone number is barred by a rule about that number alone: whoever shows his
// presence to nobody wants to be called all the same.
func (x *Rules) Bars(user rtc.AOR, caller consent.Watcher) error {
	switch action, rule := x.Consent.Decide(user, caller); {
	case rule != nil && rule.Kind != consent.User && strings.HasPrefix(string(caller.AOR), "tel:"):
	case rule != nil && action == consent.Block:
		return &rtc.Status{Code: 404}
	case rule != nil && action == consent.PoliteBlock:
		return &rtc.Status{Code: 480}
	}
	return nil
}

// RefuseBlocked is a handler: who is blocked by a user does not call him. It is for
// what is proxied; of the calls that are led, their plan asks.
func (x *Rules) RefuseBlocked(r *rtc.Request) error {
	if r.Method() != sip.INVITE || r.ToTag() != nil {
		return rtc.Next
	}
	caller := x.caller(r)
	u, err := sip.ParseURI(r.RequestURI())
	if err != nil || u.User == nil {
		return rtc.Next
	}
	all := x.Users
	if u.Kind != sip.URITel {
		if !all.Ours(u.Host, u.Port) {
			return rtc.Next
		}
		u = all.InDomain(u)
	}
	to, ok := all.Resolve(rtc.AOR(u.AppendAOR(nil)))
	if !ok || to == caller.AOR {
		return rtc.Next
	}
	if err := x.Bars(to, caller); err != nil {
		return err
	}
	return rtc.Next
}

// caller is who sent a request, as far as consent asks.
func (x *Rules) caller(r *rtc.Request) consent.Watcher {
	if id := r.Identity; id != nil && id.AOR != "" {
		return x.Users.Watcher(id.AOR, true)
	}
	if r.Identity != nil && r.Identity.Peer != "" {
		if route, err := x.Caller(r); err == nil { // of a trunk, which tells a number
			return x.Watcher(route.Caller)
		}
	}
	from, _ := r.From()
	u, err := sip.ParseURI(from.URI)
	if err != nil {
		return consent.Watcher{}
	}
	return x.Users.Watcher(rtc.AOR(u.AppendAOR(nil)), r.Identity != nil)
}

// Watcher is the caller of a call that is led, as far as consent asks. A number is
// whoever has it, and is blocked as tel:+4930123 or as sip:+4930123 in a domain of
// ours. That a trunk shows a name in our domain makes nobody one of its users.
func (x *Rules) Watcher(p identity.Party) consent.Watcher {
	w := x.Users.Watcher(p.User, p.User != "")
	w.Also = slices.Clone(w.Also) // it is the directory's
	if u, err := sip.ParseURI([]byte(p.URI)); err == nil && !w.Proved {
		shown := rtc.AOR(u.AppendAOR(nil))
		if w.Also = append(w.Also, shown); !x.Users.Directory.Domain(u.Host) {
			w.AOR = shown
		}
	}
	if p.Number == "" {
		return w
	}
	number := rtc.AOR("tel:" + p.Number)
	if w.Also = append(w.Also, number); !w.Proved {
		w.AOR = number
	}
	for _, domain := range x.Domains {
		w.Also = append(w.Also, rtc.AOR("sip:"+p.Number+"@"+domain))
	}
	if owner, ok := x.Users.Directory.Resolve(number); ok {
		w.Also = append(w.Also, owner.AOR)
	}
	return w
}
