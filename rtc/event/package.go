package event

import (
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Package is an event package (RFC 6665 §7): something that can be subscribed
// to. Its functions run on transaction lanes: they must be quick, must not
// block, and may be called by several at a time.
type Package struct {
	Name  string   // as in Event: "presence"
	Types []string // media types of its documents, the default one first; "" for one without bodies

	Focus bool // a resource is a conference: our Contact is its URI and says so (RFC 4579 §5.1)

	Expires    time.Duration // without a wish, default an hour
	MinExpires time.Duration // a shorter wish gets 423, default a minute
	MaxExpires time.Duration // a longer wish is cut, default Expires
	Interval   time.Duration // least time between two NOTIFYs of a subscription, 0 = none

	// Resource finds what a Request-URI means, by its address-of-record; false:
	// nothing of this package. nil: the users of Config.Users.
	Resource func(address rtc.AOR) (rtc.AOR, bool)
	// Authorise says who may subscribe. It is asked again by Reauthorise. The
	// error is a *rtc.Status, the answer to the SUBSCRIBE. nil: the user himself.
	Authorise func(Ask) (Grant, error)
	// Document is what a NOTIFY shows. It is made once for all subscriptions of a
	// resource that have the same view and type, until Changed.
	Document func(Query) Document
	// Difference is the part of a document that changed, for a type that has such
	// a form (RFC 5263); false when there is none. nil: documents are always whole.
	Difference func(old, now Document) (Document, bool)
	// OwnLists says that a list of resources in a SUBSCRIBE is the package's matter
	// (RFC 5875 §4.2), not one of resources to subscribe to (RFC 5367).
	OwnLists bool
	// Content reads the body of a SUBSCRIBE. nil: a body is refused by 415.
	Content func(m *sip.Message) error
}

// Ask is who wants to subscribe to what.
type Ask struct {
	Resource rtc.AOR
	Watcher  rtc.AOR // "" when nobody knows
	Proved   bool    // by credentials, or by whom the server trusts
	Type     string  // of the documents
	// Message is the SUBSCRIBE that begins it, nil when the package is asked again.
	Message *sip.Message
}

// Grant is what a subscriber gets.
type Grant struct {
	// Pending: nobody has decided yet whether the subscriber may know. He is
	// shown the document of the View all the same.
	Pending bool
	// View is handed to Document: subscribers with the same one see the same.
	View string
	// Rejected ends a subscription, with this reason (RFC 6665 §4.1.3), when it
	// is asked about again.
	Rejected string
}

// Query is what document is wanted.
type Query struct {
	Resource rtc.AOR
	View     string // as granted
	Type     string // one of Package.Types
}

// Document is the body of a NOTIFY. It is not changed after it was handed over.
type Document struct {
	Type string // media type; "" with an empty Body
	Body []byte
	// Header are further lines of the NOTIFY, each complete, of packages that tell in
	// the header what others tell in a body.
	Header []byte
	// Count is where in Body the number of the NOTIFY is written, which begins with
	// First and grows by one (the version of RFC 3857, 4235, …); 0 = nowhere.
	Count int
	First uint32
	// Source is what the document was made of, for Package.Difference.
	Source any
}

// Owner is an Authorise that lets only the user himself subscribe.
func Owner(a Ask) (Grant, error) {
	if !a.Proved || a.Watcher != a.Resource {
		return Grant{}, &rtc.Status{Code: 403}
	}
	return Grant{}, nil
}

func (p *Package) complete() {
	if p.Expires <= 0 {
		p.Expires = time.Hour
	}
	if p.MinExpires <= 0 {
		p.MinExpires = time.Minute
	}
	if p.MaxExpires <= 0 {
		p.MaxExpires = p.Expires
	}
	if p.Authorise == nil {
		p.Authorise = Owner
	}
}

// kind is the place of a media type in Types, false when it is none of them.
func (p *Package) kind(mediaType []byte) (uint8, bool) {
	for i, t := range p.Types {
		if sip.EqualFold(mediaType, t) {
			return uint8(i), true
		}
	}
	return 0, false
}
