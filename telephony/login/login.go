// Package login is what proves to trunks who we are. A login is kept with the trunk's last
// challenge, so that only the first call is challenged.
package login

import (
	"sync"

	"tandem/gateways"
	"tandem/rtc/digest"
)

// Logins are those of all trunks. The zero value has none yet. It may be used from
// anywhere.
type Logins struct {
	mu sync.Mutex
	by map[string]login // by the trunk's name
}

type login struct {
	digest gateways.Digest
	client *digest.Client
}

// Of is the login for a trunk, nil for one that asks for none. It is a new one when the
// trunk's credentials have changed.
func (l *Logins) Of(t *gateways.Trunk) *digest.Client {
	if t == nil || t.Digest.User == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.by[t.Name]; ok && have.digest == t.Digest {
		return have.client
	}
	d := t.Digest
	client := digest.NewClient(func(realm string) (digest.Login, bool) {
		return digest.Login{User: d.User, Password: string(d.Secret)}, d.Realm == "" || d.Realm == realm
	})
	if l.by == nil {
		l.by = make(map[string]login)
	}
	l.by[t.Name] = login{d, client}
	return client
}
