package phoneroom

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
func (r *Room) policyOf(device string) (output.Policy, bool) {
	mac, _, ok := sipphone.ParseDevice(device)
	if !ok {
		return output.Policy{}, false
	}
	phone, err := r.Inventory.Get(mac)
	if err != nil {
		return output.Policy{}, false
	}
	return r.output.Load().Of(phone.Family), true
}

// Site is the site at which a phone stands, by the device secret it registered with: "" when
// it has none, or is not one of ours.
func (r *Room) Site(device string) string {
	mac, _, ok := sipphone.ParseDevice(device)
	if !ok {
		return ""
	}
	phone, err := r.Inventory.Get(mac)
	if err != nil {
		return ""
	}
	return phone.Site
}

// Manner is how calls speak to a phone.
func (r *Room) Manner(device string) telephony.Manner {
	policy, ok := r.policyOf(device)
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

// ShapeOf is how requests to a phone are written that begin here, nil: as they are.
func (r *Room) ShapeOf(device string) uac.Shape {
	if policy, ok := r.policyOf(device); ok {
		return policy.Shape
	}
	return nil
}

// ShapeTo writes what the proxy forwards to a phone.
func (r *Room) ShapeTo(device string, p transport.Proto, message []byte) []byte {
	if policy, ok := r.policyOf(device); ok {
		return policy.Shape(p, message)
	}
	return message
}

// ShapeNotice writes a NOTIFY for the phone of a watcher that is registered where it
// goes.
func (r *Room) ShapeNotice(watcher rtc.AOR, f transport.Flow, message []byte) []byte {
	if len(r.Inventory.Of(watcher)) == 0 {
		return message
	}
	list := r.c.Location.Bindings(watcher)
	if i := slices.IndexFunc(list, func(b location.Binding) bool { return b.Flow.Remote == f.Remote && b.Device != "" }); i >= 0 {
		return r.ShapeTo(list[i].Device, f.Proto(), message)
	}
	return message
}

// MD5Only reports whether a request is one of a phone of ours, by what it calls
// itself and whose it is, that is to be offered MD5 alone.
func (r *Room) MD5Only(m *sip.Message) bool {
	if r.Inventory.Count() == 0 { // each challenge asks
		return false
	}
	uri, perr := m.FromURI()
	if perr != nil {
		return false
	}
	user, ok := r.c.Resolve(rtc.AOR(uri.AppendAOR(nil)))
	if !ok {
		return false
	}
	agent, set := string(m.Get(sip.HdrUserAgent)), r.families.Load()
	return slices.ContainsFunc(r.Inventory.Of(user), func(mac sipphone.MAC) bool {
		phone, err := r.Inventory.Get(mac)
		if err != nil || r.output.Load().Of(phone.Family).Digest != output.MD5 {
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
