package kept

import (
	"context"
	"time"

	"tandem/rtc"
)

// Store keeps messages and devices durably. Methods with done do not wait: done
// is called once, when the change is on disk or has failed, and must not block;
// an error they return means that done is never called.
type Store interface {
	// Put keeps a message. One that is there with the same To and Key stays as it is.
	Put(m Message, done func(error)) error
	// Settle notes whom a message still waits for; nobody: it is forgotten.
	Settle(id int64, waiting []string, held bool, done func(error)) error
	// Index calls each for every message, without Text, in the order of ID.
	Index(ctx context.Context, each func(m Message, octets int)) error
	// Messages returns at most limit messages to a user, from an ID on, in its order.
	Messages(ctx context.Context, to rtc.AOR, from int64, limit int) ([]Message, error)

	// Forget deletes all of a user: messages to him, and his devices. It returns when
	// that is on disk.
	Forget(ctx context.Context, user rtc.AOR) error

	// PutDevice notes that a user was seen with a device.
	PutDevice(d Device, done func(error)) error
	// DeleteDevice forgets it.
	DeleteDevice(user rtc.AOR, instance string, done func(error)) error
	// Devices calls each for every device.
	Devices(ctx context.Context, each func(Device)) error
}

// Device is one that a user was seen with.
type Device struct {
	User     rtc.AOR
	Instance string // +sip.instance
	Seen     time.Time
}
