package suite

import (
	"context"
	"fmt"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/device"
)

// waiting has a phone subscribe to its messages, and one come.
func (b *bench) waiting(ctx context.Context, hero *device.Dialect) error {
	v, err := b.phone(ctx, "phone", hero)
	if err != nil {
		return err
	}
	m, err := v.Subscribe(ctx, "message-summary", "application/simple-message-summary")
	if err != nil {
		return err
	}
	if !strings.Contains(string(m.Body), "Messages-Waiting: no") {
		return fmt.Errorf("it should be told that none waits, and is told %q", m.Body)
	}
	if err := b.operate(ctx, &behaviour.Operate{Do: "PUT /users/{user}/waiting", Body: `{"new":1,"old":0}`, Beside: true, Undo: `PUT /users/{user}/waiting {"new":0,"old":0}`}); err != nil {
		return err
	}
	if m, err = v.Told(ctx); err == nil && !strings.Contains(string(m.Body), "Messages-Waiting: yes\r\n") {
		err = fmt.Errorf("it should be told that one waits, and is told %q", m.Body)
	}
	return err
}
