package process

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells systemd that the server is ready, alive and stopping, where
// systemd asked to be told (Type=notify, WatchdogSec=).
func Notify(ctx context.Context, log *slog.Logger) error {
	tell := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("telling systemd", "err", err)
		}
	}
	tell(daemon.SdNotifyReady)
	defer tell(daemon.SdNotifyStopping)
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(period / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			tell(daemon.SdNotifyWatchdog)
		}
	}
}
