package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
)

func newServeCommand() *cobra.Command {
	var newKey bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until SIGTERM or Ctrl-C, which let calls being set up finish
(limits.drain); a second one ends at once. SIGHUP reads the configuration again.

Without a configuration file it serves the domain localhost from ./var.`,
		Example: "  tandem serve -c /etc/tandem/tandem.yaml",
		Args:    command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			path := command.ConfigPath(c)
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			level := new(slog.LevelVar)
			log := command.NewLogger(cfg.Log, level, c.ErrOrStderr())
			if newKey {
				if err := datafolder.RenewKey(c.Context(), &cfg, log); err != nil {
					return err
				}
			}
			s, err := server.New(c.Context(), cfg, server.Options{Path: path, Log: log, Level: level})
			if err != nil {
				return err
			}
			stop := handleSignals(s, log)
			defer stop()
			return s.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&newKey, "new-key", false, "make a new key when that of the data folder is lost: passwords of trunks and webhooks have to be entered again")
	return c
}

// handleSignals reloads on SIGHUP, and ends draining on a second signal to stop.
func handleSignals(s *server.Server, log *slog.Logger) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	again := make(chan os.Signal, 2)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		asked := false // the first signal cancels the context, and comes here as well
		for {
			select {
			case <-hup:
				if err := s.Reload(); err != nil {
					log.Error("reload failed, nothing changed", "err", err)
				}
			case <-again:
				if asked {
					s.Stop()
				}
				asked = true
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(hup); signal.Stop(again); close(done) }
}

func newReloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the running server read its configuration and certificates again",
		Long: `Have the running server read its configuration and certificates again. The
certificate, routes and log.level change at once, while calls and connections go
on; other keys need a restart, and the first such one is named. A file with a
mistake changes nothing.`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var st api.Status
				if err := k.Call(ctx, http.MethodPost, "/server/reload", nil, &st); err != nil {
					return err
				}
				return command.Print(c, st, func(w io.Writer) {
					fmt.Fprintln(w, "reloaded")
					if st.Restart != "" {
						fmt.Fprintf(w, "restart the server for the change of %s to take effect\n", st.Restart)
					}
				})
			})
		},
	}
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what it was built of",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			b := server.ThisBuild()
			return command.Print(c, b, func(w io.Writer) {
				fmt.Fprintln(w, "tandem", b.Version)
				if b.Commit != "" {
					changed := ""
					if b.Modified {
						changed = ", with changes"
					}
					fmt.Fprintf(w, "commit %s of %s%s\n", b.Commit, b.Time, changed)
				}
				fmt.Fprintf(w, "built with %s for %s\n", b.Go, b.Platform)
			})
		},
	}
}
