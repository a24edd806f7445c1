package datafolder

import (
	"io/fs"

	apistore "tandem/cmd/tandem/api/sqlstore"
	gatewaystore "tandem/gateways/sqlstore"
	pintstore "tandem/pint/sqlstore"
	contactstore "tandem/rtc/contacts/sqlstore"
	directorystore "tandem/rtc/directory/sqlstore"
	eventstore "tandem/rtc/event/sqlstore"
	imstore "tandem/rtc/im/sqlstore"
	locationstore "tandem/rtc/location/sqlstore"
	consentstore "tandem/rtc/policy/consent/sqlstore"
	policystore "tandem/rtc/policy/sqlstore"
	presencestore "tandem/rtc/presence/sqlstore"
	phonestore "tandem/sipphone/sqlstore"
	cdrstore "tandem/telephony/cdr/sqlstore"
	dialplanstore "tandem/telephony/dialplan/sqlstore"
	groupstore "tandem/telephony/group/sqlstore"
	guardstore "tandem/telephony/guard/sqlstore"
	settingsstore "tandem/telephony/settings/sqlstore"
)

// migrations are those of the tables of all rooms.
func migrations() []fs.FS {
	return []fs.FS{
		directorystore.Migrations,
		locationstore.Migrations,
		policystore.Migrations,
		contactstore.Migrations,
		imstore.Migrations,
		gatewaystore.Migrations,
		eventstore.Migrations,
		pintstore.Migrations,
		dialplanstore.Migrations,
		guardstore.Migrations,
		settingsstore.Migrations,
		groupstore.Migrations,
		presencestore.Migrations,
		cdrstore.Migrations,
		consentstore.Migrations,
		phonestore.Migrations,
		apistore.Migrations,
	}
}
