package test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/rtc/store"
	"tandem/test/harness"
)

// What servers of tests begin with is what a first start makes: the same tables
// and indexes with the same rows, but for the moment and the server's key.
func TestCopyOfNewDatabase(t *testing.T) {
	first, copied := contents(t, t.TempDir()), contents(t, harness.Data(t))
	if first != copied || !strings.Contains(first, "CREATE TABLE users") {
		t.Errorf("a first start makes\n%s\nthe copy has\n%s", first, copied)
	}
}

// contents of the database in a data folder, once a server has opened it.
func contents(t *testing.T, dir string) string {
	cfg := config.Default()
	cfg.Data = dir
	db, key, err := datafolder.Open(t.Context(), &cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if len(key) == 0 {
		t.Error("it has no key")
	}
	text := strings.Join(column(t, db, `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY type, name`), "\n")
	for _, table := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		text += "\n" + table + " " + strings.Join(column(t, db, fmt.Sprintf(`SELECT count(*) FROM %q`, table)), "")
	}
	return text + "\n" + strings.Join(column(t, db, `SELECT version_id || ' ' || is_applied FROM goose_db_version ORDER BY version_id`), "\n")
}

func column(t *testing.T, db *store.DB, query string) (list []string) {
	t.Helper()
	rows, err := db.Read().QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
