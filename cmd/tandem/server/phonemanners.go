package server

import (
	"slices"

	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
	"tandem/sipphone"
	"tandem/sipphone/output"
	"tandem/telephony"
)

// policyOf is how requests to a phone are written, by the device secret it
// registered with: false when it is not one of ours.
func (s *Server) policyOf(device string) (output.Policy, bool) {
	mac, _, ok := sipphone.ParseDevice(device)
	if !ok {
		return output.Policy{}, false
	}
	phone, err := s.phones.inventory.Get(mac)
	if err != nil {
		return output.Policy{}, false
	}
	return s.phones.output.Load().Of(phone.Family), true
}

// mannerOf is how calls speak to a phone.
func (s *Server) mannerOf(device string) telephony.Manner {
	policy, ok := s.policyOf(device)
	if !ok {
		return telephony.Manner{}
	}
	m := telephony.Manner{Shape: policy.Shape}
	switch policy.Caller {
	case output.Remote:
		m.Caller = dialect.CallerRemote
	case output.Asserted:
		m.Caller = dialect.CallerAsserted
	default:
		m.Caller = dialect.CallerFrom
	}
	switch policy.Display {
	case output.Update:
		m.Display = telephony.ByUpdate
	case output.Never:
		m.Display = telephony.Silently
	}
	return m
}

// shapeOf is how requests to a phone are written that begin here, nil: as they are.
func (s *Server) shapeOf(device string) uac.Shape {
	if policy, ok := s.policyOf(device); ok {
		return policy.Shape
	}
	return nil
}

// shapeTo writes what the proxy forwards to a phone.
func (s *Server) shapeTo(device string, p transport.Proto, message []byte) []byte {
	if policy, ok := s.policyOf(device); ok {
		return policy.Shape(p, message)
	}
	return message
}

// shapeNotice writes a NOTIFY for the phone of a watcher that is registered where it
// goes.
func (s *Server) shapeNotice(watcher rtc.AOR, f transport.Flow, message []byte) []byte {
	if len(s.phones.inventory.Of(watcher)) == 0 {
		return message
	}
	list := s.location.Bindings(watcher)
	if i := slices.IndexFunc(list, func(b location.Binding) bool { return b.Flow.Remote == f.Remote && b.Device != "" }); i >= 0 {
		return s.shapeTo(list[i].Device, f.Proto(), message)
	}
	return message
}

// md5Phone reports whether a request is one of a phone of ours, by what it calls
// itself and whose it is, that is to be offered MD5 alone.
func (s *Server) md5Phone(m *sip.Message) bool {
	from, ok := m.From()
	if !ok || s.phones == nil {
		return false
	}
	uri, perr := sip.ParseURI(from.URI)
	if perr != nil {
		return false
	}
	user, ok := users{s.directory, s}.Resolve(rtc.AOR(uri.AppendAOR(nil)))
	if !ok {
		return false
	}
	agent, set := string(m.Get(sip.HdrUserAgent)), s.phones.families.Load()
	return slices.ContainsFunc(s.phones.inventory.Of(user), func(mac sipphone.MAC) bool {
		phone, err := s.phones.inventory.Get(mac)
		if err != nil || s.phones.output.Load().Of(phone.Family).Digest != output.MD5 {
			return false
		}
		f := set.Family(phone.Family)
		if f == nil {
			return false
		}
		_, is := f.SIPAgent(agent)
		return is
	})
}
