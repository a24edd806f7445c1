// Package contacts keeps what users keep with the server: their contact lists,
// the same from any device, and the other documents of XCAP (RFC 4825).
//
// The truth is the document: a user's contacts are the resource list named
// "index" (RFC 4826), and package xcap changes it for XCAP clients octet by
// octet. This package reads contacts out of it, and writes them into it for
// those who have no use for XML, so that both see the same. What a client has
// put beside them stays.
//
// Every change has a version, which is also the entity tag. What changed since a
// version can be asked for. The addresses of all contacts are held in memory as
// hashes, so that whoever must know at once whether somebody is a contact (rules
// of messages) need not read a document.
//
// Who may see whom is not kept here but in rtc/policy/consent.
package contacts
