package story

import (
	"context"
	"errors"
	"fmt"

	"tandem/media/sound"
)

// Party is somebody who takes part in calls, one at a time. From the answer to the end
// of a call it says its tone. What is asked of it it does as its kind does; what it
// has no means for is a *Cannot.
type Party interface {
	// Kind is what it is, for people: "baresip", "polycom".
	Kind() string
	// Address is what others dial.
	Address() string
	// Tone is the frequency of what it says, Hz.
	Tone() float64

	// Dial begins a call; it does not wait.
	Dial(ctx context.Context, uri string) error
	// Ringing waits until the call dialled rings over there.
	Ringing(ctx context.Context) error
	// Incoming waits for a call to ring here.
	Incoming(ctx context.Context) error
	// Answer takes the call that rings.
	Answer(ctx context.Context) error
	// Refuse refuses the call that rings, with the code wanted where it has a choice,
	// and returns the one it used.
	Refuse(ctx context.Context, code int) (used int, err error)
	// Established waits until the call is one of two.
	Established(ctx context.Context) error
	// HangUp ends the call, and gives up one that is not answered.
	HangUp(ctx context.Context) error
	// Ended waits until the call is over here. The code is that of the refusal where one
	// was told, 0 where the party keeps it to itself or the call was ended otherwise.
	Ended(ctx context.Context) (code int, err error)

	// Mark is a moment in what it has heard in the call.
	Mark() int
	// Heard are the tones since then.
	Heard(mark int) ([]sound.Segment, error)

	// Hold puts the other side on hold, and takes it back with false.
	Hold(ctx context.Context, on bool) error
	// Held waits until it is told that it is on hold, or taken back with false.
	Held(ctx context.Context, on bool) error
	// Transfer sends the other side to a URI and waits until it is told that they
	// talk. The call is over here then.
	Transfer(ctx context.Context, uri string) error
	// TransferRefused sends the other side to a URI that will not take it, and returns the
	// code it is told. The call goes on.
	TransferRefused(ctx context.Context, uri string) (code int, err error)
	// Press presses a key in the call.
	Press(ctx context.Context, key string) error
	// Pressed waits for the keys that the other side has pressed to be so many in all.
	Pressed(ctx context.Context, count int) (keys string, err error)
	// Fax wants to go on by T.38 and returns the code of the answer.
	Fax(ctx context.Context) (code int, err error)
	// Faxed waits until the other side has wanted that, which it takes or refuses, and
	// returns the code, 0 where it refuses by itself and tells nobody.
	Faxed(ctx context.Context, take bool) (code int, err error)
	// Scan sends a packet of the fax that the call has become.
	Scan(ctx context.Context, packet []byte) error
	// Printed says whether a packet of the fax has come, octet for octet.
	Printed(packet []byte) bool
	// Reboot starts it again as after a loss of power, at another port, and registers it.
	Reboot(ctx context.Context) error
	// Rest ends what goes on and forgets it, whatever its state: the next story begins.
	Rest(ctx context.Context) error
}

// Cannot says that a party has no means to do what it was asked.
type Cannot struct{ Who, What string }

func (c *Cannot) Error() string { return fmt.Sprintf("cannot, because %s %s", c.Who, c.What) }

// Excuse is why a story could not be told by those who were asked to; ok is false where
// an error means a mistake.
func Excuse(err error) (why string, ok bool) {
	var c *Cannot
	if errors.As(err, &c) {
		return c.Error(), true
	}
	return "", false
}

// Keys waits until the keys that a party has heard so far are so many. It is how a
// party is asked which has to be looked at for that.
func Keys(ctx context.Context, who string, count int, heard func() string) (string, error) {
	for {
		keys := heard()
		if len(keys) >= count {
			return keys, nil
		}
		if !sleep(ctx, glance) {
			return "", fmt.Errorf("%s heard the keys %q", who, keys)
		}
	}
}

// Reason is the phrase of a code by which calls are refused.
func Reason(code int) string {
	return map[int]string{404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here"}[code]
}

// Plain is a party that can call and be called and nothing else; others have it for what
// they have no means for.
type Plain struct{ Name string }

// Kind implements Party.
func (p Plain) Kind() string { return p.Name }

func (p Plain) cannot(what string) error { return &Cannot{p.Name, what} }

// Hold implements Party.
func (p Plain) Hold(context.Context, bool) error { return p.cannot("does not hold calls") }

// Held implements Party.
func (p Plain) Held(context.Context, bool) error { return p.cannot("does not show that it is on hold") }

// Transfer implements Party.
func (p Plain) Transfer(context.Context, string) error { return p.cannot("does not transfer calls") }

// TransferRefused implements Party.
func (p Plain) TransferRefused(context.Context, string) (int, error) {
	return 0, p.cannot("does not say why a transfer failed")
}

// Press implements Party.
func (p Plain) Press(context.Context, string) error { return p.cannot("has no keys") }

// Pressed implements Party.
func (p Plain) Pressed(context.Context, int) (string, error) {
	return "", p.cannot("does not show keys that come")
}

// Fax implements Party.
func (p Plain) Fax(context.Context) (int, error) { return 0, p.cannot("is no fax machine") }

// Faxed implements Party.
func (p Plain) Faxed(_ context.Context, take bool) (int, error) {
	if take {
		return 0, p.cannot("is no fax machine")
	}
	return 0, nil
}

// Scan implements Party.
func (p Plain) Scan(context.Context, []byte) error { return p.cannot("is no fax machine") }

// Printed implements Party.
func (p Plain) Printed([]byte) bool { return false }

// Reboot implements Party.
func (p Plain) Reboot(context.Context) error { return p.cannot("is not restarted") }
