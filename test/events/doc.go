// Package events holds the tests of subscriptions, presence, lamps and messages over
// the whole server, also when it is stopped or killed.
package events
