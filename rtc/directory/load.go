package directory

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Load reads everything from the Store.
func (d *Directory) Load(ctx context.Context) error {
	_, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	l := newLoader(&d.accounts, &d.further)
	err = d.store.Users(ctx, func(u User) {
		if !d.Domain([]byte(u.AOR.Domain())) {
			d.log.Warn("user of a domain that is not served", "aor", u.AOR)
		}
		l.user(u)
	})
	if err != nil {
		return fmt.Errorf("loading users: %w", err)
	}
	l.all()
	if err := d.store.Credentials(ctx, l.credential); err != nil {
		return fmt.Errorf("loading credentials: %w", err)
	}
	l.finish()
	d.changed()
	return nil
}

// loader puts users and their secrets together, which come one after the other. They
// are packed while they wait: a start must not take far more memory than what comes
// after it.
type loader struct {
	into    *accounts
	further *further
	parts   [shardCount]part
	names   [shardCount]furtherShard
}

// part is what has come of a shard: users without secrets, and secrets.
type part struct {
	shard
	secrets []byte
	of      []secretOf
}

// secretOf is whose a packed secret is, and where it begins.
type secretOf struct {
	record, at int
	used       time.Time
}

func newLoader(into *accounts, further *further) *loader {
	l := &loader{into: into, further: further}
	for i := range l.parts {
		l.parts[i].domain, l.parts[i].spare = into.domain, into.spare
	}
	return l
}

func (l *loader) user(u User) {
	p := &l.parts[l.into.hash(u.AOR)%shardCount]
	p.packed = appendAccount(p.packed, &Account{User: u}, p.domain, p.spare)
	p.end()
	for _, key := range u.further() {
		l.further.append(&l.names[l.further.shardOf(key)], key, u.AOR)
	}
}

// all is called when all users are there.
func (l *loader) all() {
	for i := range l.parts {
		l.parts[i].hash(l.into.seed)
	}
}

// credential drops one of nobody.
func (l *loader) credential(c Credential) {
	hash := l.into.hash(c.AOR)
	p := &l.parts[hash%shardCount]
	if i := p.find(hash, []byte(c.AOR)); i >= 0 {
		p.of = append(p.of, secretOf{i, len(p.secrets), c.LastUsed})
		p.secrets = appendSecret(p.secrets, newSecret(c), 0, p.spare)
	}
}

// finish makes the shards, one at a time.
func (l *loader) finish() {
	for i := range l.names {
		l.further.publish(i, &l.names[i])
		l.names[i] = furtherShard{}
	}
	for i := range l.parts {
		p := &l.parts[i]
		list := make([]*Account, len(p.ends))
		for k := range list {
			list[k] = &Account{User: p.user(k)}
		}
		for _, x := range p.of {
			a, rest := list[x.record], packed(p.secrets[x.at:])
			s := &Secret{seen: newSeen(x.used)}
			rest.secret(s, 0)
			s.Identity.AOR = a.AOR
			a.Secrets = append(a.Secrets, s)
		}
		for _, a := range list {
			slices.SortFunc(a.Secrets, compareSecrets)
		}
		*p = part{}
		l.into.shards[i].Store((&shard{domain: l.into.domain, spare: l.into.spare}).with(l.into.seed, list))
	}
}
