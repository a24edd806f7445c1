package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"tandem/telephony/cdr/export"
)

// The export run: phones refresh their registrations at a steady rate while call
// records are exported, one export after the other, by the same core.
const (
	exportRecords = 500_000
	exportFor     = 10 * time.Second
	exportRate    = 100_000               // records a second of the server's time, at least
	exportWait    = 20 * time.Millisecond // more than without an export may p99 of a refresh be
)

// export prints what an export costs, and what phones wait meanwhile.
func (o options) export(w io.Writer) error {
	s, err := startTandem(o.dir, o.tandem, "0", users, false)
	if err != nil {
		return err
	}
	defer s.stop()
	data := filepath.Join(o.dir, "tandem")
	if err := fillRecords(filepath.Join(data, "tandem.db")); err != nil {
		return fmt.Errorf("writing %d records: %w", exportRecords, err)
	}
	phones, err := newRegister("UDP", s.port, knownSlots, users, true)
	if err != nil {
		return err
	}
	defer phones.close()
	if r := drive(phones, window, users, 0); r.Failed+r.Lost > 0 {
		return fmt.Errorf("registering: %d failed, %d lost", r.Failed, r.Lost)
	}
	before := s.cpu()
	alone := steady(phones, exportFor)
	refreshes := s.cpu() - before
	fmt.Fprintf(w, "\nExport of call records, %d refreshes a second meanwhile\nno export: %.0f refreshes a second, %s\n", knownRate, alone.goodput, alone.latency)
	for _, f := range []export.Format{export.JSON, export.CSV} {
		e := startExports(filepath.Join(data, "tandem.sock"), f)
		before := s.cpu()
		if o.profiles != "" {
			defer s.profile(filepath.Join(o.profiles, "export-"+string(f)+".prof"))()
		}
		under := steady(phones, exportFor)
		cpu := s.cpu() - before - refreshes
		rows, took, err := e.stop()
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		perCPU := float64(rows) / cpu.Seconds()
		fmt.Fprintf(w, "%-9s  %.0f refreshes a second, %s; %.0f records a second, %.0f a second of the core's time\n",
			f+":", under.goodput, under.latency, float64(rows)/took.Seconds(), perCPU)
		if missed := perCPU < exportRate || under.goodput < 0.99*alone.goodput || under.latency.at(0.99) > alone.latency.at(0.99)+exportWait; missed {
			return fmt.Errorf("export as %s: below the bar of %d records, or refreshes wait %s longer", f, exportRate, exportWait)
		}
	}
	return nil
}

// fillRecords writes records of calls of 100 days as the server does.
func fillRecords(file string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return err
	}
	defer db.Close()
	const fill = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i+1 < $1)
		INSERT INTO calls (id, state, caller, called, trunk, started, ended, data)
		SELECT printf('%026d', i), 'completed', 'sip:u' || (i % 2000) || '@bench.test', '', 'berlin', $2 + i * 17280, $2 + i * 17280 + 60000, $3 FROM n`
	const data = `{"to":"0301234567","number":"+49301234567","payer":"sip:u1@bench.test","kind":"national",` +
		`"tried":[{"trunk":"berlin","uri":"sip:+49301234567@192.0.2.1","call_id":"ABCDEFGHIJ","code":200,"began":"2026-01-01T00:00:00.123456789Z","ended":"2026-01-01T00:00:05.123456789Z"}],` +
		`"ringing":1767225602000,"answered":1767225605000,"ended_by":"caller","code":200,"cause":16,"call_ids":["ABCDEFGHIJKLMNOP","QRSTUVWXYZABCDEF"],` +
		`"sides":[{"codec":"opus/48000","packets":3000,"lost":1,"jitter_ms":1.5,"mos":4.3},{"codec":"PCMU/8000","packets":3000,"mos":4.2}]}`
	_, err = db.Exec(fill, exportRecords, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), data)
	return err
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
