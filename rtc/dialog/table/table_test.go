package table

import (
	"fmt"
	"slices"
	"testing"
)

type dialog struct{ callID, local, remote string }

func id(d *dialog) (string, string, string) { return d.callID, d.local, d.remote }

func TestTable(t *testing.T) {
	table := New(id)
	var all []*dialog
	for i := range 300 {
		d := &dialog{fmt.Sprint("call", i/3), fmt.Sprint("local", i%3), "remote"}
		if !table.Enter(d) || table.Enter(&dialog{d.callID, d.local, d.remote}) {
			t.Fatalf("%v is not entered once", d)
		}
		all = append(all, d)
	}
	find := func(d *dialog) *dialog {
		return table.Find([]byte(d.callID), []byte(d.local), []byte(d.remote))
	}
	for i, d := range all {
		if find(d) != d {
			t.Fatalf("%v is not found", d)
		}
		if i%2 == 0 && (!table.Remove(d) || table.Remove(d) || find(d) != nil) {
			t.Errorf("%v is not removed once", d)
		}
	}
	for i, d := range all {
		if got := find(d); (got == nil) != (i%2 == 0) {
			t.Errorf("%v: found %v", d, got)
		}
	}
}

// Dialogs whose hashes are the same are told apart.
func TestSameHash(t *testing.T) {
	for first := range 3 {
		table := New(id)
		all := []*dialog{{"a", "x", "y"}, {"b", "x", "y"}, {"c", "x", "y"}}
		h := table.hashOf(all[0])
		p := &table.part[h%parts]
		p.m[h], p.more = all[0], map[uint64][]*dialog{h: slices.Clone(all[1:])}
		at := func(d *dialog) *dialog {
			got, _ := table.find(p, h, []byte(d.callID), []byte(d.local), []byte(d.remote))
			return got
		}
		for i := range all {
			d := all[(first+i)%3]
			if at(d) != d {
				t.Errorf("%v is not found", d)
			}
			table.removeAt(p, h, d)
			if at(d) != nil {
				t.Errorf("%v is found", d)
			}
		}
		if len(p.m)+len(p.more) != 0 {
			t.Errorf("%d and %d are left", len(p.m), len(p.more))
		}
	}
}

func BenchmarkFind(b *testing.B) {
	table := New(id)
	d := &dialog{"call", "local", "remote"}
	table.Enter(d)
	c, l, r := []byte(d.callID), []byte(d.local), []byte(d.remote)
	b.ReportAllocs()
	for b.Loop() {
		if table.Find(c, l, r) != d {
			b.Fatal("not found")
		}
	}
}
