package audit

import (
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMask(t *testing.T) {
	type sub struct {
		APIToken string `json:"api_token"`
		Shipping string `json:"shipping"`
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, ``},
		{map[string]any{"password": "x", "name": "y"}, `{"name":"y","password":"(masked)"}`},
		{map[string]any{"password": ""}, `{"password":""}`},
		{map[string]any{"digestPassword": 7, "clientSecret": "s"}, `{"clientSecret":"(masked)","digestPassword":"(masked)"}`},
		{[]sub{{"x", "x"}}, `[{"api_token":"(masked)","shipping":"x"}]`},
		{map[string]any{"pin": "1234", "spinning": 1, "list": []any{map[string]any{"secrets": []string{"a"}}}},
			`{"list":[{"secrets":"(masked)"}],"pin":"(masked)","spinning":1}`},
		{map[string]any{"n": json.Number("12345678901234567890")}, `{"n":12345678901234567890}`},
		{func() {}, `{"left_out":"it cannot be written as JSON","octets":0}`},
		{strings.Repeat("x", maxValue), `{"left_out":"too large to be kept","octets":65538}`},
	} {
		if got := string(Mask(c.v)); got != c.want {
			t.Errorf("%.60v:\n got %s\nwant %s", c.v, got, c.want)
		}
	}
}

func open(t *testing.T, s Store, keep time.Duration) *Log {
	t.Helper()
	l, err := Open(t.Context(), s, keep, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A change is kept before it is made; what was made of it later; and what a crash
// leaves open says so.
func TestWhatACrashLeavesOpen(t *testing.T) {
	store := new(Memory)
	l := open(t, store, 0)
	for i := range 3 {
		id, err := l.Begin(t.Context(), "local:root", "change-user", "users/a", map[string]string{"password": "x"})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			err = l.Done(t.Context(), id, 1)
		case 1:
			err = l.Failed(t.Context(), id, errors.New(strings.Repeat("ä", 1000)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, store, 0)
	rows, err := l.Rows(t.Context(), Query{Limit: 10})
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	for i, want := range []Outcome{Interrupted, Failed, Done} {
		if rows[i].Outcome != want || string(rows[i].Before) != `{"password":"(masked)"}` {
			t.Errorf("row %d: %+v", i, rows[i])
		}
	}
	if why := rows[1].Why; len(why) > maxText+3 || strings.ContainsRune(why, '\ufffd') {
		t.Errorf("%d octets of why", len(why))
	}
	if id, err := l.Begin(t.Context(), "", "", "", nil); err != nil || id <= rows[0].ID {
		t.Errorf("row %d after %d, %v", id, rows[0].ID, err)
	}
}

func TestOldRowsAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, new(Memory), 24*time.Hour)
		go func() { _ = l.Run(t.Context()) }() // ends with the bubble
		for range 2500 {
			if _, err := l.Begin(t.Context(), "a", "b", "c", nil); err != nil {
				t.Fatal(err)
			}
		}
		count := func() int {
			rows, err := l.Rows(t.Context(), Query{Limit: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			return len(rows)
		}
		time.Sleep(23 * time.Hour)
		if n := count(); n != 2500 {
			t.Errorf("%d rows after 23 hours", n)
		}
		time.Sleep(2*time.Hour + time.Minute)
		if n := count(); n != 0 {
			t.Errorf("%d rows after 25 hours", n)
		}
	})
}

// Whatever is masked, the result is JSON in which no value of a secret is left; and what
// passes for harmless holds none.
func FuzzMask(f *testing.F) {
	f.Add("password", "abracadabra", `{"a":[1,null,{"token":"x"}]}`)
	f.Add("name", "abracadabra", `{"a":[1,null,{"\u0074oken":"x","To\u212Aen":"y"}]}`)
	f.Fuzz(func(t *testing.T, key, value, more string) {
		out := Mask(map[string]any{"x_password": value, key: 1, "more": json.RawMessage(more)})
		if !json.Valid(out) {
			t.Fatalf("%q is not JSON", out)
		}
		var back map[string]any
		if json.Unmarshal(out, &back) == nil && back["x_password"] != nil && back["x_password"] != "" && back["x_password"] != masked {
			t.Errorf("%q", out)
		}
		text, err := json.Marshal(map[string]any{key: value, "more": json.RawMessage(more)})
		if err != nil || !harmless(text) {
			return
		}
		var plain, masked any
		if json.Unmarshal(text, &plain) == nil && json.Unmarshal(hidden(text), &masked) == nil && !reflect.DeepEqual(plain, masked) {
			t.Errorf("%q passes for harmless", text)
		}
	})
}

// BenchmarkMask is what most events and rows are: without secrets.
func BenchmarkMask(b *testing.B) {
	row := map[string]any{"service": "R2C", "a": "+49301234567", "b": "sip:alice@example.com", "state": "connected",
		"steps": []map[string]string{{"state": "dialling", "info": "B ringing"}, {"state": "joining", "info": "B answered"}}}
	b.ReportAllocs()
	for b.Loop() {
		Mask(row)
	}
}
