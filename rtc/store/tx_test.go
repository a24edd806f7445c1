package store

import "testing"

func TestUnnamed(t *testing.T) {
	for query, want := range map[string]string{
		"COMMIT":                                    "COMMIT",
		"INSERT INTO t (a, b) VALUES ($1, $2)":      "INSERT INTO t (a, b) VALUES (?, ?)",
		"DELETE FROM t WHERE a = $1":                "DELETE FROM t WHERE a = ?",
		"UPDATE t SET a = $2 WHERE b = $1":          "",
		"UPDATE t SET a = $1, c = $1 WHERE b = $2":  "",
		"SELECT a FROM t WHERE b = $1 AND c = $12":  "",
		"SELECT a FROM t WHERE b = '$' AND c = $1":  "",
		"VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)":   "VALUES (?,?,?,?,?,?,?,?,?,?)",
		"SELECT a FROM t WHERE b = $1 || 'x' || $2": "SELECT a FROM t WHERE b = ? || 'x' || ?",
	} {
		if want == "" {
			want = query
		}
		if got := unnamed(query); got != want {
			t.Errorf("%q: %q", query, got)
		}
	}
}
