package phoneroom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/sipphone"
	"tandem/sipphone/hotdesk"
	"tandem/sipphone/notify"
	"tandem/sipphone/secret"
	phonestore "tandem/sipphone/sqlstore"
	"tandem/telephony/feature"
)

// openHotdesk makes the desk at which users log in by dialling.
func (r *Room) openHotdesk(ctx context.Context, keeper *secret.Keeper) error {
	r.Hotdesk = hotdesk.New(hotdesk.Config{
		Store: phonestore.NewPINs(r.c.Store), PIN: keeper.PIN, Log: r.c.Log,
		Login: func(ctx context.Context, mac sipphone.MAC, user rtc.AOR) error {
			return r.moveLines(ctx, append(r.Inventory.GuestAt(user), mac), func() error { return r.Inventory.Login(ctx, mac, user) })
		},
		Logout: func(ctx context.Context, mac sipphone.MAC) error {
			return r.moveLines(ctx, []sipphone.MAC{mac}, func() error { return r.Inventory.Logout(ctx, mac) })
		},
		Guessing: r.guessingPINs,
	})
	return r.Hotdesk.Load(ctx)
}

// fetchWindow is for how long phones whose lines moved get their files by their MAC.
const fetchWindow = 10 * time.Minute

// moveLines changes lines of phones, and has the phones fetch their files: how they
// are reached is found before, since the change takes their registrations. They are
// told beside the call by which it was dialled.
func (r *Room) moveLines(ctx context.Context, macs []sipphone.MAC, change func() error) error {
	slices.Sort(macs)
	macs = slices.Compact(macs)
	var sends []func(context.Context) (int, error)
	for _, mac := range macs {
		if send, err := r.prepare(mac, notify.Resync); err == nil {
			sends = append(sends, send)
		}
	}
	if err := change(); err != nil {
		return err
	}
	for _, mac := range macs {
		if err := r.Inventory.Open(ctx, mac, fetchWindow); err != nil {
			return err
		}
	}
	for _, send := range sends {
		r.told.Go(func() {
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchNotice)
			defer cancel()
			_, _ = send(limited) // one that is not reached fetches its files when it boots
		})
	}
	return nil
}

// fetchNotice bounds how long a phone is waited for that is told to fetch its files.
const fetchNotice = 10 * time.Second

var errNoPhone = errors.New("the code works only at desk phones that this server has set up")

// Dialled logs a user in, or out, at the phone at which a code was dialled.
func (r *Room) Dialled(ctx context.Context, device string, code feature.Code) error {
	mac, _, ok := sipphone.ParseDevice(device)
	if !ok {
		return errNoPhone
	}
	if code.Off {
		return r.Hotdesk.Logout(ctx, mac)
	}
	name, pin, ok := strings.Cut(code.Arg, "*")
	if !ok {
		return fmt.Errorf("%w: dial *11*USER*PIN#", hotdesk.ErrPIN)
	}
	p, err := r.Inventory.Get(mac)
	if err != nil {
		return errNoPhone
	}
	own := p.Lines
	if len(p.Guest) > 0 { // somebody else is logged in
		own = p.Guest
	}
	domain := r.domainOf(own)
	user, ok := r.means(r.siteOf(own), domain, name)
	if !ok {
		user = rtc.AOR("sip:" + name + "@" + domain) // as one without a PIN: who does not exist is not told
	}
	return r.Hotdesk.Login(ctx, mac, user, pin)
}

// guessingPINs reports that somebody tries PINs.
func (r *Room) guessingPINs(who string) {
	r.guessers.Add(1)
	r.c.State.Tell("phone.guessing", op.Resource("phones", "guessers", who), access.Read("phones"), func() any {
		return map[string]any{"pins_of": who}
	})
}
