package xcap

import (
	"context"
	"errors"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/policy/consent"
	"tandem/rtc/policy/consent/presrules"
)

// isRules reports whether a document is a user's rules of consent.
func isRules(k contacts.Key) bool { return k.Usage == xcap.PresRules.ID && k.Name == contacts.Index }

// adopt has the rules of a document count, before it is kept: a block is never
// late. nil ends them.
func (f *Front) adopt(ctx context.Context, user rtc.AOR, doc []byte) error {
	var rules []consent.Rule
	if doc != nil {
		var err error
		if rules, err = presrules.Read(doc); err != nil {
			return err
		}
	}
	return f.Consent.Replace(ctx, user, rules, func(r consent.Rule) bool { return r.Kind == consent.Group })
}

// refresh writes the document of rules again when they were changed otherwise.
func (f *Front) refresh(ctx context.Context, k contacts.Key) error {
	if !isRules(k) {
		return nil
	}
	rules := f.Consent.Rules(k.User)
	d, err := f.Book.Document(ctx, k)
	said, unread := presrules.Read(d.Body)
	switch {
	case errors.Is(err, contacts.ErrUnknown) && len(rules) == 0:
		return nil
	case err != nil && !errors.Is(err, contacts.ErrUnknown):
		return err
	case err == nil && unread == nil && presrules.Same(f.Consent.Named(k.User, said), rules):
		return nil
	}
	_, _, err = f.Book.Change(ctx, k, nil, func([]byte) ([]byte, error) { return presrules.Write(rules), nil })
	return err
}
