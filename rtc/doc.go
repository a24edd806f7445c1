// Package rtc is the vocabulary of the server: address-of-record, identity,
// status, request, handler, router. It decides nothing and stores nothing.
//
// Order of locks, outermost first: transaction lane, location shard, store
// queue. A lane is never entered while any lock is held.
package rtc
