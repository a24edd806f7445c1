package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/backup"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
	"tandem/rtc/store"
)

func newBackupCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save database, key and certificates in one file, also while the server runs",
		Long: `Save what the server must not lose in one file: the database as it is at one
moment, the key that belongs to it, and the certificates of the data folder. The
server may run and goes on meanwhile; everything it acknowledged before is in the
file. The configuration file is not: keep it with it.

The file holds the secrets of all users: keep it as safe as the server.`,
		Example: "  tandem backup /mnt/backup/tandem-$(date +%F).tar.gz",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := config.Load(command.ConfigPath(c))
			if err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); err == nil && !force {
				return fmt.Errorf("%s already exists: name another file, or replace it with --force", args[0])
			}
			return makeBackup(c, &cfg, args[0])
		},
	}
	c.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	return c
}

func makeBackup(c *cobra.Command, cfg *config.Config, to string) error {
	ctx := c.Context()
	tell := c.ErrOrStderr()
	path, err := store.Path(cfg.StoreURL())
	if err != nil {
		return err
	}
	stop := tellGrowth(tell, cfg.Data, path)
	snapshot, err := takeSnapshot(ctx, cfg)
	stop()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(snapshot) }()
	key, err := os.ReadFile(filepath.Join(cfg.Data, "key"))
	if err == nil {
		err = datafolder.Verify(ctx, snapshot, key)
	}
	if err != nil {
		return fmt.Errorf("checking the copy of the database: %w", err)
	}
	m, err := backup.Write(to, backup.Source{Data: cfg.Data, Database: snapshot, Version: server.Version(),
		Leave: []string{path, cfg.Socket(), filepath.Join(cfg.Data, "snapshot-"), filepath.Join(cfg.Data, "restore-")}}, tellShare(tell, "packing"))
	if err != nil {
		return err
	}
	info, err := os.Stat(to)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %d files, %s; put it back with: tandem restore %s\n", to, len(m.Files), size(info.Size()), to)
	return nil
}

// takeSnapshot has the running server copy its database, or does so itself.
func takeSnapshot(ctx context.Context, cfg *config.Config) (string, error) {
	k, err := client.Dial(cfg.Socket())
	if errors.Is(err, fs.ErrNotExist) {
		path, _, err := datafolder.Snapshot(ctx, cfg)
		return path, err
	}
	if err != nil {
		return "", err
	}
	var s api.Snapshot
	if err := k.Call(ctx, http.MethodPost, "/server/snapshot", nil, &s); err != nil {
		return "", err
	}
	return s.Path, nil
}

func newRestoreCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put back what backup has saved",
		Long: `Put back what tandem backup has saved, into the data folder of the configuration.
The file is checked first: that it is whole, that its database is sound and not
of a newer version, and that key and database belong together. No server may be
running. With --force data that is there is put aside, as files named .old.`,
		Example: "  tandem restore /mnt/backup/tandem-2026-05-04.tar.gz -c /etc/tandem/tandem.yaml",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := config.Load(command.ConfigPath(c))
			if err != nil {
				return err
			}
			if _, err := client.Dial(cfg.Socket()); err == nil {
				return fmt.Errorf("a server is running on %s: stop it first", cfg.Data)
			}
			return restore(c, &cfg, args[0], force)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "put data that is there aside")
	return c
}

func restore(c *cobra.Command, cfg *config.Config, from string, force bool) error {
	path, err := store.Path(cfg.StoreURL())
	if err != nil {
		return err
	}
	for _, dir := range []string{cfg.Data, filepath.Dir(path)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the data folder: %w; data must be a folder this user may write", err)
		}
	}
	// Beside their places, so that they only have to be renamed.
	files, err := os.MkdirTemp(cfg.Data, "restore-")
	if err != nil {
		return err
	}
	db := fmt.Sprintf("%s.restore-%d", path, os.Getpid())
	defer func() { _ = errors.Join(os.RemoveAll(files), os.RemoveAll(db)) }()
	m, err := backup.Unpack(from, db, files, tellShare(c.ErrOrStderr(), "unpacking"))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "checking the database")
	if err := datafolder.Restore(c.Context(), cfg, db, files, force); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "restored what was saved on %s by version %s to %s; start the server with: tandem serve\n",
		m.Made.Local().Format(time.DateTime), m.Version, cfg.Data)
	return nil
}

// tellEvery is how often progress is told.
const tellEvery = time.Second

// tellShare tells how much is done, now and then.
func tellShare(w io.Writer, doing string) backup.Progress {
	last := time.Now()
	return func(done, total int64) {
		if time.Since(last) >= tellEvery {
			last = time.Now()
			fmt.Fprintf(w, "%s: %s of %s\n", doing, size(done), size(total))
		}
	}
}

// tellGrowth tells how the copy of a database grows until stop is called.
func tellGrowth(w io.Writer, data, path string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			newest := int64(0)
			copies, _ := filepath.Glob(filepath.Join(data, "snapshot-*.db"))
			for _, c := range copies {
				if info, err := os.Stat(c); err == nil {
					newest = info.Size() // they are in the order of time
				}
			}
			of := ""
			if info, err := os.Stat(path); err == nil {
				of = " of about " + size(info.Size())
			}
			fmt.Fprintf(w, "copying the database: %s%s\n", size(newest), of)
		}
	}()
	return func() { close(done); <-ended }
}

// size is a number of octets for people.
func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
