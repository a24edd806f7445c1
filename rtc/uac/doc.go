// Package uac sends the requests of user agents that live in this server
// (RFC 3261 §8.1): it finds where they go, tries one place after the other,
// leaves a next hop that says nothing, answers challenges, and asks before
// anything is sent whether it may go there.
//
// A Client's Send makes requests outside dialogs: REGISTER, OPTIONS, MESSAGE,
// NOTIFY, the SUBSCRIBE that begins a subscription. Package dialog stands on
// Start for the requests in dialogs, whose messages it writes itself.
package uac
