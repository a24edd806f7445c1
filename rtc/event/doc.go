// Package event is the notifier (RFC 6665): it answers SUBSCRIBE, keeps the
// subscriptions and sends NOTIFY. What can be subscribed to are Packages, which
// other rooms plug in:
//
//	n := event.New(event.Config{…})
//	n.Add(event.Package{Name: "message-summary", Types: []string{"application/simple-message-summary"},
//		Authorise: func(a event.Ask) (event.Grant, error) { … },
//		Document:  func(q event.Query) event.Document { … }})
//	…
//	n.Changed("sip:alice@example.com", "message-summary") // whenever the document may be another one
//
// The package owns the dialogs of its subscriptions, their sequence numbers,
// expiry and the order of NOTIFYs: one is under way at a time for each
// subscription, what changes meanwhile merges into the next, and a document
// that is the same as the one shown is not sent again. It does not know what
// the documents say, nor who may see them.
//
// # Memory and disk
//
// A SUBSCRIBE is answered 200 when a restart would know of the subscription. The
// copy on disk says that it lives until its expiry plus the interval granted, so
// a refresh that this covers is not written. Sequence numbers are reserved on
// disk in blocks: after a restart they go on behind the block, never backwards.
//
// # Ownership
//
// A topic is one resource of one package with its subscriptions and documents.
// One lock guards a shard of the topics; functions of a Package are never called
// under it. What is to be sent waits at its topic, and the topic in one queue
// from which a few workers take it. A worker sends on the topic's own
// transaction lane, whatever the Call-IDs of its subscriptions are.
package event
