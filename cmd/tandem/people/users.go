// Package people is what the server knows of people, put among the other rooms: its users
// as calls, the proxy and presence see them (Users), and what users let others do with
// them (Rules): write, call, be told. The directory and the book of consent know nothing
// of each other, or of calls.
package people

import (
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/directory"
	"tandem/rtc/label"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/telephony/number"
	"tandem/telephony/routing"
)

// Users is the directory as the other rooms see it.
type Users struct {
	*directory.Directory
	Local func(host []byte, port uint16) bool // whether this server is called so
	Plan  *number.Plan                        // by which numbers are read
}

// Domain implements routing.Users.
func (u Users) Ours(host []byte, port uint16) bool {
	return u.Local(host, port) || u.Directory.Domain(host)
}

// User implements routing.Users.
func (u Users) User(address rtc.AOR) (routing.User, bool) {
	user, ok := u.Directory.Resolve(address)
	return called(user, address), ok && user.Enabled
}

// Number implements routing.Users.
func (u Users) Number(number string) (routing.User, bool) {
	address := rtc.AOR("tel:" + number)
	user, ok := u.Directory.Resolve(address)
	return called(user, address), ok && user.Enabled
}

// Extension implements routing.Users.
func (u Users) Extension(site, extension string) (routing.User, bool) {
	user, ok := u.Directory.ByExtension(site, extension)
	return called(user, user.AOR), ok && user.Enabled
}

// Disabled implements routing.Users.
func (u Users) Disabled(number, site, extension string) bool {
	user, ok := u.Directory.Resolve(rtc.AOR("tel:" + number))
	if !ok {
		user, ok = u.Directory.ByExtension(site, extension)
	}
	return ok && !user.Enabled
}

// called is a user as calls to an address know him.
func called(u directory.User, address rtc.AOR) routing.User {
	s := routing.User{AOR: u.AOR, Display: u.DisplayName, Extension: u.Extension, Groups: u.Groups, Site: u.Site}
	if device := u.DeviceOf(address); directory.IsInstance(device) {
		s.Only.Instance = device
	} else {
		s.Only.Device = device
	}
	for _, a := range u.Aliases {
		if n, ok := strings.CutPrefix(string(a), "tel:+"); ok {
			s.Number = "+" + n
			break
		}
	}
	return s
}

// Resolve implements proxy.Users. A number in our domains is found in every form
// in which it may be written (RFC 3261 §19.1.6), an extension where its user has no site:
// nobody knows here at which the asker is. What a phone that knows the server by its
// address names is in the first domain, and a port says nothing.
func (u Users) Resolve(address rtc.AOR) (rtc.AOR, bool) { return u.resolve("", address) }

// ResolveFrom is Resolve for a user who asks: an extension is that of his site, then of
// none, as in his calls.
func (u Users) ResolveFrom(asker, address rtc.AOR) (rtc.AOR, bool) {
	if user, ok := u.Directory.Resolve(address); ok { // nearly always
		return user.AOR, user.Enabled
	}
	a, _ := u.Directory.User(asker)
	return u.resolve(a.Site, address)
}

func (u Users) resolve(site string, address rtc.AOR) (rtc.AOR, bool) {
	user, ok := u.Directory.Resolve(address)
	if ok {
		return user.AOR, user.Enabled
	}
	if strings.HasPrefix(string(address), "tel:") {
		return u.inContext(site, address)
	}
	if address, ok = u.inDomain(address); !ok {
		return "", false
	}
	if user, ok = u.Directory.Resolve(address); ok {
		return user.AOR, user.Enabled
	}
	text := string(sip.AppendUnescaped(nil, []byte(address.User())))
	if user, ok = u.Directory.ByExtension(site, text); ok {
		return user.AOR, user.Enabled
	}
	if n, err := u.Plan.Subscriber(text); err == nil && n.Global() {
		user, ok = u.Directory.Resolve(rtc.AOR("tel:" + n.String()))
	}
	return user.AOR, ok && user.Enabled
}

// inContext finds whose local number a tel URI names (RFC 3966 §5.1.5): with the prefix
// that is its context, or as dialled in one of our domains.
func (u Users) inContext(site string, address rtc.AOR) (rtc.AOR, bool) {
	uri, perr := sip.ParseURI([]byte(address))
	if _, local := uri.Param("phone-context"); perr != nil || !local {
		return "", false
	}
	n, err := u.Plan.URI(uri)
	if err != nil {
		return "", false
	}
	user, ok := u.Directory.Resolve(rtc.AOR("tel:" + n.String()))
	if !ok && !n.Global() {
		user, ok = u.Directory.ByExtension(site, n.String())
	}
	return user.AOR, ok && user.Enabled
}

// inDomain is a SIP address at this server in one of our domains, false for others.
func (u Users) inDomain(address rtc.AOR) (rtc.AOR, bool) {
	uri, err := sip.ParseURI([]byte(address))
	if err != nil || uri.Kind != sip.URISIP || uri.User == nil || !u.Ours(uri.Host, uri.Port) {
		return "", false
	}
	return rtc.AOR(u.InDomain(uri).AppendAOR(nil)), true
}

// InDomain implements routing.Users.
func (u Users) InDomain(uri sip.URI) sip.URI {
	if uri.Port = 0; !u.Directory.Domain(uri.Host) {
		uri.Host = []byte(u.Directory.DefaultDomain())
	}
	return uri
}

// Watcher implements presence.Users.
func (u Users) Watcher(address rtc.AOR, proved bool) consent.Watcher {
	found, _ := u.Directory.Resolve(address)
	return consent.Watcher{AOR: address, Also: found.Aliases, Groups: found.Groups, Proved: proved}
}

// Names are those by which the rules of users know others: a user by the
// address-of-record, and a number in E.164, as its writer dials it: an extension is
// that of the writer's site, then of none.
func Names(d *directory.Directory, plan func(site string) *number.Plan) consent.Names {
	return func(owner, address rtc.AOR) rtc.AOR {
		if u, ok := d.Resolve(address); ok {
			return u.AOR
		}
		global, u := dialled(d, plan, owner, address)
		if u.AOR == "" {
			u, _ = d.Resolve(global)
		}
		if u.AOR != "" {
			return u.AOR
		}
		return global
	}
}

// Written are the names of contacts: a number in E.164, an extension at the site of whoever
// wrote it. Whose they are is found out when it is asked: numbers change hands.
func Written(d *directory.Directory, plan func(site string) *number.Plan) contacts.Names {
	return func(user, contact rtc.AOR) rtc.AOR {
		if _, ok := d.User(contact); ok {
			return contact
		}
		global, u := dialled(d, plan, user, contact)
		if u.AOR != "" {
			return extension(u)
		}
		return global
	}
}

// extension is the address by which Written knows a user's extension.
func extension(u directory.User) rtc.AOR {
	return rtc.AOR("extension:" + label.Fold(u.Site) + ":" + u.Extension)
}

// dialled reads an address as its writer would dial it: the number in E.164, the user
// whose extension it is, or the address as it is.
func dialled(d *directory.Directory, plan func(site string) *number.Plan, owner, address rtc.AOR) (rtc.AOR, directory.User) {
	writer, _ := d.User(owner)
	text, tel := strings.CutPrefix(string(address), "tel:")
	if !tel {
		if !d.Domain([]byte(address.Domain())) {
			return address, directory.User{}
		}
		text = string(sip.AppendUnescaped(nil, []byte(address.User())))
		if u, ok := d.ByExtension(writer.Site, text); ok {
			return address, u
		}
	}
	n, err := plan(writer.Site).Subscriber(text)
	if err != nil || !n.Global() {
		return address, directory.User{}
	}
	return rtc.AOR("tel:" + n.String()), directory.User{}
}
