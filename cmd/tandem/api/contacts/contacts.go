// Package contacts is the operations on the contact lists of users. It decides
// nothing: each operation is a call of rtc/contacts, or of the package that
// reads and writes files of others.
package contacts

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/card"
	"tandem/rtc/directory"
	"tandem/rtc/policy/consent"
)

// Rooms are what the operations act on.
type Rooms struct {
	Contacts  *contacts.Book
	Directory *directory.Directory
	Consent   *consent.Book // nil: nobody knows who has consented
}

type nouns struct {
	Rooms
}

// Contact is a contact as shown.
type Contact struct {
	Address       string `json:"address" yaml:"address" example:"sip:bob@example.com"`
	ContactFields `yaml:",inline"`
	Consent       string `json:"consent" yaml:"consent" enum:"granted,pending,unknown" doc:"Whether the contact lets the user see their presence; pending also when they have refused; unknown: of another domain"`
}

// ContactFields are what a user keeps of a contact.
type ContactFields struct {
	Name     string            `json:"name,omitempty" yaml:"name,omitempty" doc:"As the user calls it"`
	Groups   []string          `json:"groups,omitempty" yaml:"groups,omitempty" doc:"Lists it stands in; absent: contacts"`
	Numbers  []string          `json:"numbers,omitempty" yaml:"numbers,omitempty"`
	Settings map[string]string `json:"settings,omitempty" yaml:"settings,omitempty" doc:"What clients keep with it"`
}

// ContactChanges are what became of contacts since a version.
type ContactChanges struct {
	Version  string          `json:"version" yaml:"version" doc:"Of the list as it is now"`
	Complete bool            `json:"complete" yaml:"complete" doc:"false: the version is too old; fetch the whole list"`
	Changes  []ContactChange `json:"changes" yaml:"changes" nullable:"false"`
}

// ContactChange is what became of one contact.
type ContactChange struct {
	Address string `json:"address" yaml:"address"`
	Kind    string `json:"kind" yaml:"kind" enum:"added,changed,removed"`
}

// ContactFile is a list as other programs read and write it.
type ContactFile struct {
	Format string `json:"format" yaml:"format" enum:"vcard,csv"`
	Text   string `json:"text" yaml:"text"`
}

// ImportedContacts is what became of a file.
type ImportedContacts struct {
	Contacts int      `json:"contacts" yaml:"contacts" doc:"That are in the list now, new or changed"`
	Skipped  []string `json:"skipped,omitempty" yaml:"skipped,omitempty" doc:"Without any address"`
}

// ContactPath names a contact.
type ContactPath struct {
	op.UserPath
	Address string `path:"address" doc:"SIP or tel URI, or the name of a user of this server"`
}

// Register adds the operations to set.
func Register(set *op.Set, r Rooms) {
	n := &nouns{r}
	read, write := access.Read("contacts"), access.Write("contacts")
	op.Read(set, op.Op{Path: "/users/{user}/contacts", ID: "list-contacts", Short: "List the contacts of a user", Scope: read}, n.list)
	op.Read(set, op.Op{Path: "/users/{user}/contact-changes", ID: "list-contact-changes", Short: "List what became of contacts since a version",
		Long: "Without a version: the present one, and no changes.", Scope: read}, n.changes)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/users/{user}/contacts/{address}", ID: "put-contact", Short: "Add a contact, or replace what is kept of it",
		Scope: write, Event: "contact.changed"}, n.put)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/users/{user}/contacts/{address}", ID: "remove-contact", Short: "Remove a contact",
		Scope: write, Event: "contact.removed"}, n.remove)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/users/{user}/contacts/import", ID: "import-contacts", Short: "Add the contacts of a vCard or CSV file, all or none",
		Scope: write, Event: "contacts.imported", Body: op.MaxBody}, n.importFile)
	op.Read(set, op.Op{Path: "/users/{user}/contacts/export", ID: "export-contacts", Short: "Write the contacts of a user as vCard or CSV", Scope: read}, n.export)
}

// address is a contact's: the name of a user stands for that user.
func (n *nouns) address(s string) string {
	if strings.Contains(s, ":") {
		return s
	}
	if aor, err := n.Directory.ParseAOR(s); err == nil {
		return string(aor)
	}
	return s
}

func (n *nouns) shown(user rtc.AOR, c *contacts.Contact) Contact {
	return Contact{Address: c.Address, ContactFields: ContactFields{c.Name, c.Groups, c.Numbers, c.Settings}, Consent: n.consent(user, c.AOR())}
}

// consent tells whether a contact lets the user see them. That they have blocked
// him looks as if they had not decided.
func (n *nouns) consent(user, contact rtc.AOR) string {
	if n.Consent == nil {
		return "unknown"
	}
	other, ok := n.Directory.Resolve(n.Consent.Name(user, contact)) // numbers and extensions, too
	if !ok {
		return "unknown"
	}
	u, _ := n.Directory.User(user)
	if action, _ := n.Consent.Decide(other.AOR, consent.Watcher{AOR: user, Also: u.Aliases, Groups: u.Groups, Proved: true}); action == consent.Allow {
		return "granted"
	}
	return "pending"
}

func (n *nouns) list(ctx context.Context, in *struct {
	op.UserPath
	op.Paging
}) (op.Page[Contact], error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return op.Page[Contact]{}, err
	}
	list, _, err := n.Contacts.Contacts(ctx, user)
	if err != nil {
		return op.Page[Contact]{}, err
	}
	return op.Paginate(in.Paging, func(c Contact) string { return c.Address }, func(after string) iter.Seq[Contact] {
		return func(yield func(Contact) bool) {
			for i := range list {
				if list[i].Address > after && !yield(n.shown(user, &list[i])) {
					return
				}
			}
		}
	})
}

func (n *nouns) changes(ctx context.Context, in *struct {
	op.UserPath
	Since int64 `query:"since" minimum:"0" doc:"A version of before"`
}) (ContactChanges, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return ContactChanges{}, err
	}
	out := ContactChanges{Complete: true, Changes: []ContactChange{}}
	_, version, err := n.Contacts.Contacts(ctx, user)
	if err != nil {
		return out, err
	}
	if in.Since > 0 {
		list, complete, err := n.Contacts.Since(ctx, user, in.Since)
		if err != nil {
			return out, err
		}
		out.Complete = complete
		for _, c := range list {
			version = max(version, c.Version)
			out.Changes = append(out.Changes, ContactChange{c.Address, string(c.Kind)})
		}
	}
	if in.Since > version { // of before a backup was put back: what has changed since then, nobody knows
		out.Complete = false
	}
	out.Version = contacts.VersionText(version)
	return out, nil
}

// find returns a contact as shown, nil when there is none.
func (n *nouns) find(ctx context.Context, user rtc.AOR, address string) (any, error) {
	list, _, err := n.Contacts.Contacts(ctx, user)
	for i := range list {
		if list[i].Address == address {
			return n.shown(user, &list[i]), nil
		}
	}
	return nil, err
}

func (n *nouns) put(ctx context.Context, do *op.Doing, in *struct {
	ContactPath
	Body ContactFields
}) (Contact, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return Contact{}, err
	}
	address := n.address(in.Address)
	if err := do.Begin(ctx, op.Resource("users", string(user), "contacts", address), func() (any, error) { return n.find(ctx, user, address) }); err != nil {
		return Contact{}, err
	}
	f := in.Body
	c := contacts.Contact{Address: address, Name: f.Name, Groups: f.Groups, Numbers: f.Numbers, Settings: f.Settings}
	if _, err := n.Contacts.Edit(ctx, user, nil, []contacts.Contact{c}, nil); err != nil {
		return Contact{}, err
	}
	after, err := n.find(ctx, user, address)
	if err != nil || after == nil {
		return Contact{}, err
	}
	do.After = after
	return after.(Contact), nil
}

func (n *nouns) remove(ctx context.Context, do *op.Doing, in *ContactPath) (Contact, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return Contact{}, err
	}
	address := n.address(in.Address)
	if err := do.Begin(ctx, op.Resource("users", string(user), "contacts", address), func() (any, error) { return n.find(ctx, user, address) }); err != nil {
		return Contact{}, err
	}
	was, _ := do.Before.(Contact)
	_, err = n.Contacts.Edit(ctx, user, nil, nil, []string{address})
	return was, err
}

func (n *nouns) importFile(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	Body ContactFile
}) (ImportedContacts, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return ImportedContacts{}, err
	}
	list, skipped, err := card.Read([]byte(in.Body.Text), card.Format(in.Body.Format))
	if err != nil {
		return ImportedContacts{}, problem.New(http.StatusUnprocessableEntity, "file_invalid", err.Error()).Fix("correct it and import it again: nothing was changed")
	}
	if err := do.Begin(ctx, op.Resource("users", string(user), "contacts"), nil); err != nil {
		return ImportedContacts{}, err
	}
	if len(list) > 0 {
		if _, err := n.Contacts.Edit(ctx, user, nil, list, nil); err != nil {
			return ImportedContacts{}, err
		}
	}
	out := ImportedContacts{len(list), skipped}
	do.After = out
	return out, nil
}

func (n *nouns) export(ctx context.Context, in *struct {
	op.UserPath
	Format string `query:"format" enum:"vcard,csv" default:"vcard"`
}) (ContactFile, error) {
	user, err := n.Directory.Named(in.User)
	if err != nil {
		return ContactFile{}, err
	}
	list, _, err := n.Contacts.Contacts(ctx, user)
	if err != nil {
		return ContactFile{}, err
	}
	text, err := card.Write(list, card.Format(in.Format))
	return ContactFile{in.Format, string(text)}, err
}
