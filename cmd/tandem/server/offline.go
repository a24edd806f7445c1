package server

import (
	"context"
	"errors"
	"log/slog"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/dialroom"
	"tandem/cmd/tandem/people"
	"tandem/cmd/tandem/phoneroom"
	"tandem/rtc/contacts"
	contactstore "tandem/rtc/contacts/sqlstore"
	"tandem/rtc/directory"
	directorystore "tandem/rtc/directory/sqlstore"
	imstore "tandem/rtc/im/sqlstore"
	"tandem/rtc/policy/consent"
	consentstore "tandem/rtc/policy/consent/sqlstore"
	"tandem/rtc/store"
	"tandem/telephony/group"
	groupstore "tandem/telephony/group/sqlstore"
	"tandem/telephony/settings"
	settingsstore "tandem/telephony/settings/sqlstore"
)

// Offline is what can be operated while no server runs: the rooms that are
// nothing but what the store holds.
func Offline(ctx context.Context, cfg *config.Config, db *store.DB, key []byte, log *slog.Logger) (api.Rooms, error) {
	trunks, err := newTrunks(db, key, log)
	if err != nil {
		return api.Rooms{}, err
	}
	numbers, err := cfg.Numbers.Plans(cfg.Domains)
	if err != nil {
		return api.Rooms{}, err
	}
	state, err := openAPIState(ctx, cfg, db, key, log)
	if err != nil {
		return api.Rooms{}, err
	}
	dialling := dialroom.New(db, state, log)
	rooms := api.Rooms{
		Rules: dialling.Rules, Guard: dialling.Guard,
		State:     state,
		Directory: directory.New(directorystore.New(db), cfg.Domains, log),
		Trunks:    trunks,
		Settings:  settings.New(settingsstore.New(db), log),
		Groups:    group.New(groupstore.New(db), log),
		Contacts:  contacts.New(contactstore.New(db), nil),
		Kept:      imstore.New(db),
		Policy:    newPolicy(db, log),
		Numbers:   numbers.Of,
		Log:       log,
	}
	rooms.Presence.Consent = consent.New(consentstore.New(db), consent.Action(cfg.Presence.Unknown), people.Names(rooms.Directory, rooms.Numbers))
	if err := errors.Join(rooms.Directory.Load(ctx), rooms.Presence.Consent.Load(ctx), rooms.Trunks.Load(ctx), rooms.Policy.Load(ctx), rooms.Settings.Load(ctx), rooms.Groups.Load(ctx), dialling.Load(ctx)); err != nil {
		return api.Rooms{}, err
	}
	rooms.Phones, err = phoneroom.Offline(ctx, cfg, db, key, rooms.Directory, log)
	return rooms, err
}
