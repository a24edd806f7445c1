package phoneroom

import (
	"cmp"
	"context"
	"strings"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/sipphone"
	"tandem/sipphone/phonebook"
)

// person is the name of a user and the number others dial.
func (r *Room) person(aor rtc.AOR) (name, number string) {
	u, ok := r.c.Directory.User(aor)
	if !ok {
		return "", ""
	}
	return u.DisplayName, u.Extension
}

// siteOf is the site of the user of the first line.
func (r *Room) siteOf(lines []sipphone.Line) string {
	if len(lines) == 0 {
		return ""
	}
	u, _ := r.c.Directory.User(lines[0].User)
	return u.Site
}

// means is the user whom a name, an extension or a number means at a site, as calls find
// him: by name, among those of the site, then among those of none.
func (r *Room) means(site, domain, dialled string) (rtc.AOR, bool) {
	address := rtc.AOR("sip:" + dialled + "@" + domain)
	if u, ok := r.c.Directory.Resolve(address); ok && u.Enabled {
		return u.AOR, true
	}
	if u, ok := r.c.Directory.ByExtension(site, dialled); ok && u.Enabled {
		return u.AOR, true
	}
	return r.c.Resolve(address)
}

// dials is what somebody at a site dials to call a user: the extension, unless it
// leads to another there, else a number or the name.
func (r *Room) dials(site, domain string, u *directory.User) string {
	ways := []string{u.Extension}
	for _, a := range u.Aliases {
		if number, ok := strings.CutPrefix(string(a), "tel:"); ok {
			ways = append(ways, number)
		}
	}
	for _, way := range append(ways, u.AOR.User()) {
		if way == "" {
			continue
		}
		if found, ok := r.means(site, domain, way); ok && found == u.AOR {
			return way
		}
	}
	return u.AOR.User() + "@" + u.AOR.Domain()
}

// phonebook is who can be called from a phone: the contacts of the user of its first
// line, and the users of this server.
func (r *Room) phonebook(ctx context.Context, p sipphone.Phone) []phonebook.Entry {
	list := r.contactEntries(ctx, p)
	site, domain := r.siteOf(p.Lines), r.domainOf(p.Lines)
	listed := make(map[rtc.AOR]bool)
	for _, e := range list {
		if user, ok := r.means(site, domain, e.Number); ok {
			listed[user] = true
		}
	}
	for u := range r.c.Directory.After("") {
		if len(list) >= phonebook.Max {
			break
		}
		if u.Enabled && !listed[u.AOR] {
			list = append(list, phonebook.Entry{Name: cmp.Or(u.DisplayName, u.AOR.User()), Number: r.dials(site, domain, &u)})
		}
	}
	return list
}

// domainOf is the domain of the first line.
func (r *Room) domainOf(lines []sipphone.Line) string {
	if len(lines) == 0 {
		return r.c.Domain
	}
	return lines[0].User.Domain()
}

// contactEntries are the telephone numbers of a user's contacts, and the addresses of
// those that have none.
func (r *Room) contactEntries(ctx context.Context, p sipphone.Phone) (list []phonebook.Entry) {
	if len(p.Lines) == 0 {
		return nil
	}
	contacts, _, err := r.rooms.Contacts.Contacts(ctx, p.Lines[0].User)
	if err != nil {
		r.c.Log.Warn("a phonebook lacks contacts", "aor", string(p.Lines[0].User), "err", err)
		return nil
	}
	for _, c := range contacts {
		numbers := c.Numbers
		if uri, err := sip.ParseURI([]byte(c.Address)); len(numbers) == 0 && err == nil {
			number := string(sip.AppendUnescaped(nil, uri.User))
			if u, ok := r.c.Directory.User(c.AOR()); ok {
				number = r.dials(r.siteOf(p.Lines), r.domainOf(p.Lines), &u)
			} else if uri.Kind != sip.URITel {
				number += "@" + string(uri.Host)
			}
			numbers = []string{number}
		}
		for _, n := range numbers {
			if list = append(list, phonebook.Entry{Name: cmp.Or(c.Name, c.Address), Number: n}); len(list) >= phonebook.Max {
				return list
			}
		}
	}
	return list
}
