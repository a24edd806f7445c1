// Package uri reads the URIs of PINT: the name of a service in the Request-URI, a
// party in To, and the parameters that say more about them (RFC 2848 §3.5.5,
// §3.5.6, Appendix A).
package uri

import (
	"fmt"
	"slices"
	"strings"

	"tandem/pint/party"
	"tandem/rtc/sip"
)

// URI is what a SIP URI says to PINT.
type URI struct {
	User     string // without its parameters, escapes resolved
	Host     string
	Provider string // tsp: the telephone provider that is to be used
	Party    party.Party
	Required []string // attributes that must be understood
}

// Of reads a SIP or tel URI. Parameters stand after the host, or as those of
// telephone numbers behind the user; a parameter may be written Q763-plan=4, or
// a=Q763-plan:4 (§3.5.6). Parameters of no meaning to PINT are left aside, unless
// require names them.
func Of(u sip.URI) (URI, error) {
	user, inner, _ := strings.Cut(string(sip.AppendUnescaped(nil, u.User)), ";")
	out := URI{User: user, Host: string(u.Host)}
	phone := u.Kind == sip.URITel || strings.HasPrefix(user, "+")
	var first error
	take := func(name, value []byte) bool {
		n, v := string(name), string(sip.AppendUnescaped(nil, value))
		if strings.EqualFold(n, "a") {
			n, v, _ = strings.Cut(v, ":")
		}
		switch {
		case strings.EqualFold(n, "tsp"):
			out.Provider = v
		case strings.EqualFold(n, "user"):
			phone = phone || strings.EqualFold(v, "phone")
		case strings.EqualFold(n, "require"):
			for r := range strings.SplitSeq(v, ",") {
				if r = strings.TrimSpace(r); r != "" && !slices.Contains(out.Required, r) {
					out.Required = append(out.Required, r)
				}
			}
		default:
			if _, err := out.Party.Set(n, v); err != nil && first == nil {
				first = err
			}
		}
		return true
	}
	if inner != "" {
		sip.Params([]byte(";"+inner), take)
	}
	sip.Params(u.Params, take)
	if first != nil {
		return out, first
	}
	digits := strings.Trim(user, "0123456789-") == "" && user != ""
	if !phone && !(digits && out.Party.Context != "") {
		out.Party.Address = "sip:" + user + "@" + out.Host
		return out, nil
	}
	n, err := party.ParseNumber(user)
	if err != nil {
		return out, fmt.Errorf("user part: %w", err)
	}
	out.Party.Number = n
	return out, nil
}
