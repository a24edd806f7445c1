package server

import (
	"context"
	"fmt"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/event/dialoginfo"
	"tandem/telephony/feature"
	"tandem/telephony/group"
	groupstore "tandem/telephony/group/sqlstore"
	"tandem/telephony/guard"
	"tandem/telephony/settings"
	settingsstore "tandem/telephony/settings/sqlstore"
)

// openSettings loads how users want to be called.
func (s *Server) openSettings(ctx context.Context, _ *config.Config) error {
	s.settings = settings.New(settingsstore.New(s.store), s.log)
	return s.settings.Load(ctx)
}

// CallSettings of the server's users.
func (s *Server) CallSettings() *settings.Table { return s.settings }

// openGroups loads the ring groups.
func (s *Server) openGroups(ctx context.Context, _ *config.Config) error {
	s.groups = group.New(groupstore.New(s.store), s.log)
	return s.groups.Load(ctx)
}

// ringGroups are the ring groups as lamps see them; the plan is made later.
type ringGroups struct{ s *Server }

// GroupAt implements lamps.Groups.
func (g ringGroups) GroupAt(address rtc.AOR) (rtc.AOR, bool) { return g.s.plans.GroupAt(address) }

// IsMember implements lamps.Groups.
func (g ringGroups) IsMember(group, user rtc.AOR) bool { return g.s.plans.IsMember(group, user) }

// regrouped has who watches a ring group follow it: it has other members, or is gone.
func (s *Server) regrouped(aor rtc.AOR) {
	if s.isGroup(aor) {
		s.events.Reauthorise(aor, dialoginfo.Name)
		return
	}
	s.events.EndAll(aor, dialoginfo.Name, "noresource")
	ctx, cancel := context.WithTimeout(context.Background(), settingTime)
	defer cancel()
	if err := s.consent.Forget(ctx, aor); err != nil {
		s.log.Warn("rules of a group that is gone stay", "aor", string(aor), "err", err)
	}
}

// isGroup reports whether a ring group has an address.
func (s *Server) isGroup(aor rtc.AOR) bool { return s.groups.Group(aor) != nil }

// Groups of the server.
func (s *Server) Groups() *group.Table { return s.groups }

// settingTime bounds how long a setting that is dialled waits for the disk.
const settingTime = 5 * time.Second

// dialledSetting changes what a user wants, or who is logged in at a phone, by a code
// dialled.
func (s *Server) dialledSetting(user rtc.AOR, device string, code feature.Code) error {
	ctx, cancel := context.WithTimeout(context.Background(), settingTime)
	defer cancel()
	if code.Kind == feature.Hotdesk {
		return s.phones.Dialled(ctx, device, code)
	}
	if code.Arg != "" { // at a phone nobody sees what he has typed
		if err := s.plans.Leads(user, code.Arg); err != nil {
			return err
		}
	}
	_, err := s.settings.Change(ctx, user, func(u *settings.User) error {
		switch code.Kind {
		case feature.Always:
			u.Always = code.Arg
		case feature.Busy:
			u.Busy = code.Arg
		case feature.NoAnswer:
			u.NoAnswer = code.Arg
		case feature.Unreachable:
			u.Unreachable = code.Arg
		case feature.DoNotDisturb:
			u.DoNotDisturb = !code.Off
		case feature.CallWaiting:
			u.NoWaiting = code.Off
		default:
			return fmt.Errorf("a code of kind %d is not a setting", code.Kind)
		}
		return nil
	})
	return err
}

// Guard keeps the limits of calls outside.
func (s *Server) Guard() *guard.Guard { return s.dialling.Guard }
