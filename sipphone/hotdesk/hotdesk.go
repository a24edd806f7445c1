// Package hotdesk lets users log in at a phone by dialling: their line takes the
// place of the phone's own, and they prove who they are by a PIN. PINs are derived
// from the key of the data folder; what is kept is who has one, and which generation
// it is of.
//
// It counts wrong PINs and shuts out who guesses. It does not change phones, nor
// tell them: whoever does is asked through Config.
package hotdesk

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
)

// Errors of a login.
var (
	ErrPIN    = errors.New("wrong PIN, or the user has none")
	ErrGuests = errors.New("too many wrong PINs; wait a quarter of an hour")
)

// Bounds of guessing: wrong PINs for a user, or at a phone, within a time.
const (
	tries   = 5
	within  = 15 * time.Minute
	maxSeen = 10_000
)

// Store keeps durably of which generation the PIN of a user is. Methods return when
// the change is on disk.
type Store interface {
	PINs(ctx context.Context, each func(user rtc.AOR, generation int)) error
	PutPIN(ctx context.Context, user rtc.AOR, generation int) error // 0 forgets the user
}

// Config of a Desk.
type Config struct {
	Store Store
	// PIN derives the PIN of a user.
	PIN func(user rtc.AOR, generation int) string
	// Login puts a user's line on a phone, Logout gives the phone its own lines back;
	// both have the phones fetch their files.
	Login  func(ctx context.Context, mac sipphone.MAC, user rtc.AOR) error
	Logout func(ctx context.Context, mac sipphone.MAC) error
	// Guessing is told of a phone at which somebody tries PINs, or of a user whose PIN
	// somebody tries, by name.
	Guessing func(who string)
	Log      *slog.Logger
}

// Desk is where users log in. It is safe for concurrent use.
type Desk struct {
	cfg  Config
	turn sync.Mutex // of changes of PINs

	mu    sync.Mutex
	pins  map[rtc.AOR]int
	wrong map[string]*count // by user and by phone
}

type count struct {
	n     int
	until time.Time
}

// New makes a Desk at which nobody has a PIN. Load fills it.
func New(cfg Config) *Desk {
	return &Desk{cfg: cfg, pins: make(map[rtc.AOR]int), wrong: make(map[string]*count)}
}

// Load reads from the Store who has a PIN.
func (d *Desk) Load(ctx context.Context) error {
	pins := make(map[rtc.AOR]int)
	if err := d.cfg.Store.PINs(ctx, func(user rtc.AOR, generation int) { pins[user] = generation }); err != nil {
		return fmt.Errorf("loading PINs: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pins = pins
	return nil
}

// pin is that of a user, "" for none.
func (d *Desk) pin(user rtc.AOR) string {
	d.mu.Lock()
	generation := d.pins[user]
	d.mu.Unlock()
	if generation == 0 {
		return ""
	}
	return d.cfg.PIN(user, generation)
}

// Give gives a user a PIN that he did not have before. Wrong ones are forgotten.
func (d *Desk) Give(ctx context.Context, user rtc.AOR) (string, error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.mu.Lock()
	generation := d.pins[user] + 1
	d.mu.Unlock()
	if err := d.cfg.Store.PutPIN(ctx, user, generation); err != nil {
		return "", fmt.Errorf("storing that %s has a PIN: %w", user, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pins[user] = generation
	delete(d.wrong, string(user))
	return d.cfg.PIN(user, generation), nil
}

// Login logs a user in at a phone, with his PIN.
func (d *Desk) Login(ctx context.Context, mac sipphone.MAC, user rtc.AOR, pin string) error {
	if d.shut(string(user)) || d.shut(string(mac)) {
		return ErrGuests
	}
	want := d.pin(user)
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(pin)) != 1 {
		d.strike(string(user))
		d.strike(string(mac))
		return ErrPIN
	}
	d.mu.Lock()
	delete(d.wrong, string(user))
	delete(d.wrong, string(mac))
	d.mu.Unlock()
	d.cfg.Log.Info("user logs in at a phone", "mac", mac, "aor", string(user))
	return d.cfg.Login(ctx, mac, user)
}

// Logout gives a phone its own lines back. Whoever sits at it may do that.
func (d *Desk) Logout(ctx context.Context, mac sipphone.MAC) error {
	d.cfg.Log.Info("user logs out at a phone", "mac", mac)
	return d.cfg.Logout(ctx, mac)
}

// shut reports whether somebody has tried too often.
func (d *Desk) shut(who string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.wrong[who]
	return c != nil && c.n >= tries && time.Now().Before(c.until)
}

// strike counts a wrong PIN.
func (d *Desk) strike(who string) {
	now := time.Now()
	d.mu.Lock()
	c := d.wrong[who]
	if c == nil || !now.Before(c.until) {
		d.forget(now)
		c = &count{until: now.Add(within)}
		d.wrong[who] = c
	}
	c.n++
	shut := c.n == tries
	if shut {
		c.until = now.Add(within)
	}
	d.mu.Unlock()
	if shut {
		d.cfg.Log.Warn("PINs are guessed; no login for a quarter of an hour", "who", who)
		d.cfg.Guessing(who)
	}
}

// forget makes room: what is over, else all, which only costs a guesser's count.
func (d *Desk) forget(now time.Time) {
	if len(d.wrong) < maxSeen {
		return
	}
	for who, c := range d.wrong {
		if !now.Before(c.until) {
			delete(d.wrong, who)
		}
	}
	if len(d.wrong) >= maxSeen {
		clear(d.wrong)
	}
}
