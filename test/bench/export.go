package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tandem/test/bench/server"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/telephony/cdr"
	"tandem/telephony/cdr/export"
	"tandem/telephony/cdr/sqlstore"
)

// The export run: phones refresh their registrations at a steady rate while call
// records are exported, one export after the other, by the same core.
const (
	exportRecords = 200_000
	exportFor     = 10 * time.Second
	exportRate    = 100_000               // records a second of the server's time, at least
	exportWait    = 20 * time.Millisecond // more than twice what it is without an export may p99 of a refresh be
)

// export prints what an export costs, and what phones wait meanwhile.
func (o options) export(w io.Writer) error {
	data := filepath.Join(o.dir, "tandem")
	if err := fillRecords(filepath.Join(data, "tandem.db")); err != nil {
		return fmt.Errorf("writing %d records: %w", exportRecords, err)
	}
	s, err := server.StartTandem(o.dir, o.tandem, "0", users, server.Proxying) // which makes the tables of other rooms
	if err != nil {
		return err
	}
	defer s.Stop()
	phones, err := knownPhones(s)
	if err != nil {
		return err
	}
	defer phones.Close()
	before := s.CPU()
	alone := steady(phones, exportFor)
	refreshes := s.CPU() - before
	fmt.Fprintf(w, "\nExport of call records, %d refreshes a second meanwhile\nno export: %.0f refreshes a second, %s\n", knownRate, alone.goodput, alone.latency)
	for _, f := range []export.Format{export.JSON, export.CSV} {
		profiled := func() {}
		if o.profiles != "" {
			profiled = s.Profile(filepath.Join(o.profiles, "export-"+string(f)+".prof"), 2*time.Second)
		}
		e := startExports(filepath.Join(data, "tandem.sock"), f)
		before := s.CPU()
		under := steady(phones, exportFor)
		profiled()
		cpu := s.CPU() - before - refreshes
		rows, took, err := e.stop()
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		perCPU := float64(rows) / cpu.Seconds()
		fmt.Fprintf(w, "%-9s  %.0f refreshes a second, %s; %.0f records a second, %.0f a second of the core's time\n",
			f+":", under.goodput, under.latency, float64(rows)/took.Seconds(), perCPU)
		if missed := perCPU < exportRate || under.goodput < 0.99*alone.goodput || under.latency.At(0.99) > 2*alone.latency.At(0.99)+exportWait; missed {
			return fmt.Errorf("export as %s: below the bar of %d records, or refreshes wait too long", f, exportRate)
		}
	}
	return nil
}

// fillRecords writes records of calls of 100 days as the server does.
func fillRecords(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite://"+file, slog.New(slog.DiscardHandler), sqlstore.Migrations)
	if err != nil {
		return err
	}
	records := sqlstore.New(db)
	window := make(chan error, 1000)
	for i := range cap(window) + exportRecords {
		if i >= cap(window) {
			err = errors.Join(err, <-window)
		}
		if i < exportRecords {
			err = errors.Join(err, records.Put(recordOf(i), func(err error) { window <- err }))
		}
	}
	return errors.Join(err, db.Close())
}

// recordOf is the record of a call as most are: answered at a trunk, with sound.
func recordOf(i int) cdr.Record {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(100 * 24 * time.Hour / exportRecords * time.Duration(i))
	user := rtc.AOR("sip:" + server.UserName(i%users) + "@" + server.Domain)
	return cdr.Record{ID: cdr.NewID(at), State: cdr.Completed, From: user, To: "0301234567", Number: "+49301234567", Payer: user, Kind: "national", Trunk: "berlin",
		Tried:   []cdr.Try{{Trunk: "berlin", URI: "sip:+49301234567@192.0.2.1", CallID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Code: 200, Began: at, Ended: at.Add(5 * time.Second)}},
		Started: at, Ringing: at.Add(2 * time.Second), Answered: at.Add(5 * time.Second), Ended: at.Add(time.Minute), EndedBy: "caller", Code: 200, Cause: 16,
		CallIDs: [2]string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		Sides:   [2]cdr.Sound{{Codec: "opus/48000", Packets: 3000, Lost: 1, Jitter: 1.5, MOS: 4.3}, {Codec: "PCMU/8000", Packets: 3000, MOS: 4.2}}}
}

// exports run one after the other, read and counted.
type exports struct {
	end   context.CancelFunc
	begun time.Time
	done  chan struct{}
	rows  int
	err   error
}

func startExports(socket string, f export.Format) *exports {
	ctx, end := context.WithCancel(context.Background())
	e := &exports{end: end, begun: time.Now(), done: make(chan struct{})}
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	go func() {
		defer close(e.done)
		for e.err == nil && ctx.Err() == nil {
			e.err = e.one(ctx, c, f)
		}
	}()
	return e
}

// one reads one export, or its beginning.
func (e *exports) one(ctx context.Context, c *http.Client, f export.Format) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://tandem/api/v1/call-records-export?format="+string(f), nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		e.rows++
	}
	return lines.Err()
}

// stop ends it and tells how many records came, in which time.
func (e *exports) stop() (rows int, took time.Duration, err error) {
	took = time.Since(e.begun)
	e.end()
	<-e.done
	if e.err != nil && e.rows == 0 {
		return 0, took, e.err
	}
	return e.rows, took, nil
}
