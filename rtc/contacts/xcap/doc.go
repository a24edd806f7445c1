// Package xcap reads and changes XML documents as RFC 4825 has clients do it:
// whole, or a node at a time, named by a node selector. A change cuts the octets
// of the old node out and puts the new ones in; everything else stays as the
// client wrote it.
//
// It knows the application usages we serve (resource-lists and rls-services of
// RFC 4826, pres-rules of RFC 5025, xcap-caps) as far as their rules go: names,
// structure, uniqueness. It stores nothing and knows no HTTP; a Fault is what
// the 409 says.
package xcap
