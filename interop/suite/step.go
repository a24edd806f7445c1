package suite

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// steps has the devices do what a case says, one after the other.
func (b *bench) steps(ctx context.Context, list []behaviour.Step) error {
	for i, s := range list {
		if err := b.step(ctx, s); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (b *bench) step(ctx context.Context, s behaviour.Step) error {
	if s.Operate != nil {
		return b.operate(ctx, s.Operate)
	}
	d, err := b.actor(ctx, s.Who)
	if err != nil {
		return err
	}
	switch {
	case s.Register != nil:
		return b.enroll(ctx, d)
	case s.Ask != nil:
		return b.ask(ctx, d, s.Ask)
	case s.Call != nil:
		return b.call(ctx, d, s.Call)
	case s.Talk != nil:
		return b.speak(ctx, d, s.Talk)
	case s.Boot != "":
		return b.boot(ctx, d, s.Boot)
	case s.Fetch != nil:
		return b.fetch(ctx, d, s.Fetch)
	case s.Send != nil:
		return b.send(ctx, d, s.Send, "")
	case s.Bytes != "":
		return b.post(ctx, d, []byte(b.fill(ctx, d, s.Bytes)))
	case s.Answer != nil:
		return b.answer(ctx, d, s.Answer)
	case s.Ack:
		return b.ack(ctx, d)
	case s.Quiet > 0:
		return b.quiet(ctx, d, s)
	}
	m, err := d.wait(ctx, s.Wait.String(), s.Wait.Fits)
	if err != nil {
		return err
	}
	return b.judge(ctx, d, s.Wait, m)
}

// ask sends a request that must be granted, again with credentials when the server
// asks for them.
func (b *bench) ask(ctx context.Context, d *actor, r *behaviour.Request) error {
	m, err := b.challenged(ctx, d, r, "usual")
	if err == nil && m.Status() >= 300 {
		err = fmt.Errorf("%s sends %s and gets %q", d.who, d.sent.Method(), m.Start)
	}
	return err
}

// call sends an INVITE, again with credentials where the server asks a phone for
// them. What it is answered another step waits for.
func (b *bench) call(ctx context.Context, d *actor, r *behaviour.Request) error {
	if err := b.send(ctx, d, r, ""); err != nil {
		return err
	}
	if _, member := b.accounts[d.who]; !member || b.target.open {
		return nil
	}
	challenge := &behaviour.Wait{Code: "407"}
	if _, err := d.wait(ctx, challenge.String(), challenge.Fits); err != nil {
		return err
	}
	if err := b.ack(ctx, d); err != nil {
		return err
	}
	again := *r
	again.Credentials = "usual"
	return b.send(ctx, d, &again, "")
}

// quiet wants nothing to come for a while.
func (b *bench) quiet(ctx context.Context, d *actor, s behaviour.Step) error {
	limited, cancel := context.WithTimeout(ctx, s.Quiet)
	defer cancel()
	m, err := d.Next(limited, s.Wait.Fits)
	if errors.Is(err, wire.ErrQuiet) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s wanted no %s for %s, and got %q", d.who, s.Wait, s.Quiet, m.Start)
}

// judge holds a message against what a step wants of it.
func (b *bench) judge(ctx context.Context, d *actor, w *behaviour.Wait, m *wire.Message) error {
	fault := func(format string, args ...any) error {
		return fmt.Errorf("%s got %q, but %s", d.who, m.Start, fmt.Sprintf(format, args...))
	}
	if want := b.fill(ctx, d, w.URI); w.URI != "" && m.RequestURI() != want {
		return fault("its Request-URI should be %q", want)
	}
	for _, has := range b.fillAll(ctx, d, w.Has) {
		if !strings.Contains(string(m.Raw), has) {
			return fault("it should hold %q", has)
		}
	}
	for _, lacks := range b.fillAll(ctx, d, w.Lacks) {
		if strings.Contains(string(m.Raw), lacks) {
			return fault("it should not hold %q", lacks)
		}
	}
	if err := b.matches(ctx, d, w.Match, string(m.Raw)); err != nil {
		return fault("%v", err)
	}
	for key, want := range w.Header {
		if want = b.fill(ctx, d, want); m.Get(key) != want {
			return fault("its %s should be %q and is %q", key, want, m.Get(key))
		}
	}
	for _, key := range w.Same {
		if err := same(d.sent, m, key); err != nil {
			return fault("%v", err)
		}
	}
	if w.Body != nil {
		if want, _ := content(b.fill(ctx, d, *w.Body), ""); string(m.Body) != want {
			return fault("its body should be %q and is %q", want, m.Body)
		}
	}
	if w.Proves != "" {
		if err := proves(m, b.fill(ctx, d, w.Proves)); err != nil {
			return fault("%v", err)
		}
	}
	if err := b.keep(w.Keep, m.Raw); err != nil {
		return fault("%v", err)
	}
	return nil
}

// keep notes what a text says, by name. The expressions were checked when they were
// read.
func (b *bench) keep(expressions map[string]string, text []byte) error {
	for name, expr := range expressions {
		found := regexp.MustCompile(expr).FindSubmatch(text)
		if found == nil {
			return fmt.Errorf("nothing in it matches %s", expr)
		}
		b.kept[name] = string(found[1])
	}
	return nil
}

// proves wants the credentials of a request to be made with a password.
func proves(m *wire.Message, password string) error {
	line := m.Get("Authorization") + m.Get("Proxy-Authorization")
	said := func(key string) string { return wire.DigestParam(line, key) }
	c := wire.Challenge{Realm: said("realm"), Nonce: said("nonce"), Algorithm: said("algorithm")}
	want := c.Response(wire.Proof{User: said("username"), Password: password, Method: m.Method(), URI: said("uri"), QOP: said("qop"), NC: said("nc"), CNonce: said("cnonce")})
	if line == "" || said("response") != want {
		return fmt.Errorf("its credentials prove another password: %q", line)
	}
	return nil
}

// matches wants regular expressions to match a text. What variables stand for
// is taken literally.
func (b *bench) matches(ctx context.Context, d *actor, list []string, text string) error {
	value := b.value(ctx, d)
	for _, m := range list {
		literal := behaviour.Fill(m, func(name string) (string, bool) {
			v, ok := value(name)
			return regexp.QuoteMeta(v), ok
		})
		expr, err := regexp.Compile(literal)
		if err != nil {
			return err
		}
		if !expr.MatchString(text) {
			return fmt.Errorf("it should match %s", literal)
		}
	}
	return nil
}

// added is what a server puts into the Via of a request (RFC 3261 §18.2.1, RFC 3581).
var added = regexp.MustCompile(`;received=[^;,]*|(;rport)=\d+`)

// same wants a field of a response to be that of the request; of Via the first.
func same(sent, got *wire.Message, key string) error {
	if sent == nil {
		return errors.New("nothing was sent that it could be compared with")
	}
	want, is := sent.Get(key), got.Get(key)
	switch wire.Canonical(key) {
	case "via":
		want, is = first(sent.Values(key)), added.ReplaceAllString(first(got.Values(key)), "$1")
		if !strings.Contains(want, ";rport") { // some servers fill it in unasked; no device minds
			is = strings.Replace(is, ";rport", "", 1)
		}
	case "cseq":
		want, is = strings.Join(strings.Fields(want), " "), strings.Join(strings.Fields(is), " ")
	}
	if is != want {
		return fmt.Errorf("its %s should be %q as in the request and is %q", key, want, is)
	}
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
