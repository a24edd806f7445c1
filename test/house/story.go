package house

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// Story is the record of the call from a number.
func Story(t *testing.T, r *harness.Rig, from string) cdr.Record {
	t.Helper()
	for _, c := range r.S.Exchange().Calls() {
		if rec := c.Record(); strings.Contains(string(rec.From), from) {
			return rec
		}
	}
	list, err := r.S.Records().List(harness.Soon(t), cdr.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range list {
		if strings.Contains(string(rec.From), from) {
			return rec
		}
	}
	t.Fatalf("no call from %s", from)
	return cdr.Record{}
}

// Told waits until the record of the call from a number tells this story.
func Told(r *harness.Rig, t *testing.T, from string, want ...cdr.What) (rec cdr.Record) {
	t.Helper()
	for end := time.Now().Add(harness.Patience); ; time.Sleep(5 * time.Millisecond) {
		if rec = Story(t, r, from); slices.Equal(Whats(rec), want) {
			return rec
		}
		if time.Now().After(end) {
			t.Fatalf("the story is %v, want %v", Whats(rec), want)
		}
	}
}

// Whats are the steps of a record's story.
func Whats(r cdr.Record) (list []cdr.What) {
	for _, s := range r.Story {
		list = append(list, s.What)
	}
	return list
}

// Words are the steps of a record's story in one line.
func Words(r cdr.Record) string {
	var list []string
	for _, w := range Whats(r) {
		list = append(list, string(w))
	}
	return strings.Join(list, " ")
}
