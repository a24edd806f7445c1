package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"tandem/interop/behaviour"
)

// Operator runs the server that is tried: he adds phones and trunks, and looks at
// call records. Call makes one call of the server's API; path is below its base. An
// answer that is no success is an error.
type Operator interface {
	Call(ctx context.Context, method, path string, in, out any) error
}

// glance is between two looks at what must come to be.
const glance = 30 * time.Millisecond

// operate has the operator do something. What he looks at is looked at until it
// matches, as records and states follow a call at their own pace.
func (b *bench) operate(ctx context.Context, o *behaviour.Operate) error {
	if o.Undo != "" {
		undo := b.words(ctx, o.Undo)
		b.undo = append(b.undo, func(ctx context.Context) error {
			method, rest, _ := strings.Cut(undo, " ")
			path, body, _ := strings.Cut(rest, " ")
			return b.api(ctx, method+" "+path, body, nil)
		})
	}
	do, body := b.words(ctx, o.Do), b.words(ctx, o.Body)
	if o.Beside {
		done := make(chan error, 1)
		go func() { done <- b.api(ctx, do, body, nil) }()
		b.beside = append(b.beside, done)
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, b.target.patience())
	defer cancel()
	for {
		var answer json.RawMessage
		err := b.api(limited, do, body, &answer)
		if err == nil {
			if err = errors.Join(b.match(ctx, o.Match, string(answer)), b.keep(o.Keep, answer)); err == nil {
				return b.know(o.Secret, answer)
			}
			err = fmt.Errorf("%s: %w; it is %s", do, err, answer)
		}
		if !strings.HasPrefix(do, "GET ") || limited.Err() != nil {
			return err
		}
		select {
		case <-time.After(glance):
		case <-limited.Done():
			return err
		}
	}
}

// password is one in an answer of the API.
var password = regexp.MustCompile(`"password":\s*"([^"]+)"`)

// know gives a device the first password in an answer.
func (b *bench) know(who string, answer []byte) error {
	if who == "" {
		return nil
	}
	m := password.FindSubmatch(answer)
	if m == nil {
		return fmt.Errorf("the answer has no password for %s", who)
	}

	b.accounts[who] = Account{User: b.accounts[who].User, Password: string(m[1])}
	return nil
}

// api makes one call of the API.
func (b *bench) api(ctx context.Context, do, body string, out *json.RawMessage) error {
	if b.target.Operator == nil {
		return errors.New("nobody operates the server")
	}
	method, path, _ := strings.Cut(do, " ")
	var in, to any
	if body != "" {
		in = json.RawMessage(body)
	}
	if out != nil {
		to = out
	}
	if err := b.target.Operator.Call(ctx, method, path, in, to); err != nil {
		return fmt.Errorf("the operator: %s: %w", do, err)
	}
	return nil
}

// joined waits for what the operator does beside the steps.
func (b *bench) joined(ctx context.Context) error {
	var errs []error
	for _, done := range b.beside {
		select {
		case err := <-done:
			errs = append(errs, err)
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	b.beside = nil
	return errors.Join(errs...)
}

// undone takes back what the operator did, the last first.
func (b *bench) undone(ctx context.Context) error {
	var errs []error
	for i := len(b.undo) - 1; i >= 0; i-- {
		errs = append(errs, b.undo[i](ctx))
	}
	b.undo = nil
	return errors.Join(errs...)
}

// words fills a text that is of no device.
func (b *bench) words(ctx context.Context, text string) string {
	return b.fill(ctx, &actor{who: behaviour.Operator}, text)
}

// match wants regular expressions to match a text that is of no device.
func (b *bench) match(ctx context.Context, list []string, text string) error {
	return b.matches(ctx, &actor{who: behaviour.Operator}, list, text)
}
