package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
	"tandem/rtc/store"
)

// ConfigPath is the file meant by --config: the one given, else the first of
// the usual places that exists, else none.
func ConfigPath(c *cobra.Command) string {
	if path, _ := c.Flags().GetString("config"); path != "" {
		return path
	}
	for _, path := range []string{"tandem.yaml", "/etc/tandem/tandem.yaml"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// WithControl calls f with a client of the running server; when none runs,
// with one that opens the store itself, so that users can be made before the
// first start.
func WithControl(c *cobra.Command, f func(context.Context, *client.Client) error) error {
	cfg, err := config.Load(ConfigPath(c))
	if err != nil {
		return err
	}
	return Control(c.Context(), &cfg, f)
}

func Control(ctx context.Context, cfg *config.Config, f func(context.Context, *client.Client) error) error {
	k, err := client.Dial(cfg.Socket())
	if err == nil {
		return f(ctx, k)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w; data must be a folder this user may write", err)
	}
	log := slog.New(slog.DiscardHandler)
	db, key, err := datafolder.Open(ctx, cfg, log)
	if errors.Is(err, store.ErrLocked) { // a server has come up since
		if k, err := client.Dial(cfg.Socket()); err == nil {
			return f(ctx, k)
		}
	}
	if err != nil {
		return err
	}
	rooms, err := server.Offline(ctx, cfg, db, key, log)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(f(access.With(ctx, access.Self()), client.Local(api.New(rooms).Handler())), db.Close())
}
