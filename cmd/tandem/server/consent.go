package server

import (
	"tandem/rtc"
	"tandem/rtc/im"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
)

// writing is what policy says about messages.
func writing() policy.Action {
	return policy.Action{Name: "message", About: "write a message to somebody", Allow: true, Kinds: []policy.Kind{
		{Name: "contact", About: "to somebody whose contact the sender is", Allow: true},
		{Name: "stranger", About: "to others", Allow: true},
		{Name: "report", About: "be told by the server whether it is kept or lost", Allow: true},
	}}
}

// mayWrite is the rule of messages: the administrator's policy comes first, then
// the receiver's own rules, which presence and calls follow as well, then what
// holds for strangers.
func (s *Server) mayWrite(a im.Ask) im.Verdict {
	if a.From == a.To {
		return im.Deliver
	}
	if a.Notice { // about a message of To, which From may have blocked
		if action, rule := s.consent.Decide(a.From, consent.Watcher{AOR: a.To, Proved: true}); rule != nil && blocks(action) {
			return im.Drop
		}
		return im.Deliver
	}
	sender := consent.Watcher{AOR: a.From, Proved: a.Proved}
	subject := policy.Subject{User: a.From}
	if a.Proved {
		if u, ok := s.directory.User(a.From); ok {
			sender.Groups, subject.Groups, subject.Site = u.Groups, u.Groups, u.Site
		}
	}
	known, kind := a.Proved && s.contacts.Has(a.To, a.From), "stranger"
	if known {
		kind = "contact"
	}
	if !s.policy.May(subject, policy.Question{Action: "message", Kind: kind, Object: string(a.To)}).Allowed {
		return im.Refuse
	}
	action, rule := s.consent.Decide(a.To, sender)
	if rule == nil {
		return s.toStrangers(known)
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

// mayKnow tells whether a user may get reports of the server about messages to
// another.
func (s *Server) mayKnow(sender, receiver rtc.AOR) bool {
	u, _ := s.directory.User(sender)
	subject := policy.Subject{User: sender, Groups: u.Groups, Site: u.Site}
	return s.policy.May(subject, policy.Question{Action: "message", Kind: "report", Object: string(receiver)}).Allowed
}

func blocks(a consent.Action) bool { return a == consent.Block || a == consent.PoliteBlock }

// toStrangers is what becomes of messages about which the receiver has no rule.
func (s *Server) toStrangers(known bool) im.Verdict {
	switch strangers := s.begun.Messages.Strangers; {
	case known || strangers == "deliver":
		return im.Deliver
	case strangers == "hold":
		return im.Hold
	}
	return im.Refuse
}

// refuseBlocked is a handler: who is blocked by a user does not call him. He is
// told what he would be told if there were no such user, or if the user were away.
func (s *Server) refuseBlocked(r *rtc.Request) error {
	if r.Method() != sip.INVITE || r.ToTag() != nil || r.Identity != nil && r.Identity.Peer != "" {
		return rtc.Next
	}
	caller := s.caller(r)
	u, err := sip.ParseURI(r.RequestURI())
	if err != nil || u.User == nil {
		return rtc.Next
	}
	all := users{s.directory, s}
	if u.Kind != sip.URITel {
		if !all.Ours(u.Host, u.Port) {
			return rtc.Next
		}
		if !s.directory.Domain(u.Host) {
			u.Host = []byte(s.begun.Domains[0])
		}
		u.Port = 0
	}
	to, ok := all.Resolve(rtc.AOR(u.AppendAOR(nil)))
	if !ok || to == caller.AOR {
		return rtc.Next
	}
	switch action, rule := s.consent.Decide(to, caller); {
	case rule != nil && action == consent.Block:
		return &rtc.Status{Code: 404}
	case rule != nil && action == consent.PoliteBlock:
		return &rtc.Status{Code: 480}
	}
	return rtc.Next
}

// caller is who sent a request, as far as consent asks.
func (s *Server) caller(r *rtc.Request) consent.Watcher {
	if id := r.Identity; id != nil && id.AOR != "" {
		return consent.Watcher{AOR: id.AOR, Groups: users{s.directory, s}.Groups(id.AOR), Proved: true}
	}
	from, _ := r.From()
	u, err := sip.ParseURI(from.URI)
	if err != nil {
		return consent.Watcher{}
	}
	return consent.Watcher{AOR: rtc.AOR(u.AppendAOR(nil)), Proved: r.Identity != nil}
}
