package command

import "strings"

// UserOf is the user and the domain that the flags of a client name: --user may be
// NAME@DOMAIN, as everywhere else, and then says the domain unless --domain does.
func UserOf(user, domain string) (name, at string) {
	name, named, ok := strings.Cut(strings.TrimPrefix(user, "sip:"), "@")
	if ok && domain == "" {
		domain = named
	}
	return name, domain
}
