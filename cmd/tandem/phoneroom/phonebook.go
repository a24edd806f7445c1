package phoneroom

import (
	"cmp"
	"context"

	"tandem/rtc"
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

// phonebook is who can be called from a phone: the contacts of the user of its first
// line, and the users of this server.
func (r *Room) phonebook(ctx context.Context, p sipphone.Phone) []phonebook.Entry {
	list := r.contactEntries(ctx, p)
	listed := make(map[string]bool)
	for _, e := range list {
		listed[e.Number] = true
	}
	for u := range r.c.Directory.After("") {
		e := phonebook.Entry{Name: cmp.Or(u.DisplayName, u.AOR.User()), Number: cmp.Or(u.Extension, u.AOR.User())}
		if !u.Enabled || listed[e.Number] {
			continue
		}
		if list = append(list, e); len(list) >= phonebook.Max {
			break
		}
	}
	return list
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
				number = cmp.Or(u.Extension, number)
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
