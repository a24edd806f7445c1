// Package lists holds the documents of subscriptions to lists of resources: it
// reads the lists (RFC 4826 §3), as they come with a SUBSCRIBE (RFC 5367), and
// writes what a NOTIFY tells of their members (RFC 4662 §5). Who subscribed to
// what is the matter of package event.
package lists

// Entry is a member of a list.
type Entry struct {
	URI  string
	Name string // display name, "" none
}
