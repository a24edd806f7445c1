package storetest

import (
	"testing"

	"tandem/cmd/tandem/api/outbox"
)

// Outbox checks an outbox.Store.
func Outbox(t *testing.T, open Open[outbox.Store]) {
	run(t, open, map[string]func(*testing.T, outbox.Store, func() outbox.Store){
		"all fields survive": func(t *testing.T, s outbox.Store, again func() outbox.Store) {
			h := hook("a")
			h.Types = []string{"user.*", "call.ended"}
			must(t, s.PutHook(t.Context(), h))
			d := delivery(1, "a")
			add(t, s, d)
			s = again()
			equal(t, "hooks", hooks(t, s), map[string]outbox.Hook{"a": h})
			body, err := s.Body(t.Context(), 1)
			must(t, err)
			equal(t, "body", string(body), "body 1")
			d.Body = nil
			equal(t, "pending", pending(t, s), []outbox.Delivery{d})
		},
		"put replaces": func(t *testing.T, s outbox.Store, again func() outbox.Store) {
			h := hook("a")
			must(t, s.PutHook(t.Context(), h))
			h.URL, h.Secret = "https://b.test/", []byte("another secret of 24 octets")
			must(t, s.PutHook(t.Context(), h))
			equal(t, "hooks", hooks(t, again()), map[string]outbox.Hook{"a": h})
		},
		"deliveries come in order": func(t *testing.T, s outbox.Store, again func() outbox.Store) {
			must(t, s.PutHook(t.Context(), hook("a")))
			must(t, s.PutHook(t.Context(), hook("b")))
			for i := range 11 { // more than is read at once
				var list []outbox.Delivery
				for j := range 200 {
					list = append(list, delivery(int64(200*i+j+1), []string{"a", "b"}[j%2]))
				}
				add(t, s, list...)
			}
			must(t, s.Delete(t.Context(), 5))
			must(t, s.Delete(t.Context(), 5))
			s = again()
			list := pending(t, s)
			equal(t, "count", len(list), 2199)
			for i := 1; i < len(list); i++ {
				if list[i-1].ID >= list[i].ID || list[i].ID == 5 {
					t.Fatalf("%d after %d", list[i].ID, list[i-1].ID)
				}
			}
			if _, err := s.Body(t.Context(), 5); err == nil {
				t.Error("a deleted one has a body")
			}
		},
		"a hook takes its deliveries along": func(t *testing.T, s outbox.Store, again func() outbox.Store) {
			must(t, s.PutHook(t.Context(), hook("a")))
			must(t, s.PutHook(t.Context(), hook("b")))
			var list []outbox.Delivery
			for i := range 2500 { // more than is deleted at once
				list = append(list, delivery(int64(i+1), []string{"a", "b"}[i%2]))
			}
			add(t, s, list...)
			must(t, s.DeleteHook(t.Context(), "a"))
			must(t, s.DeleteHook(t.Context(), "never there"))
			s = again()
			equal(t, "pending", len(pending(t, s)), 1250)
			equal(t, "hooks", hooks(t, s), map[string]outbox.Hook{"b": hook("b")})
		},
	})
}

func hook(name string) outbox.Hook {
	return outbox.Hook{Name: name, URL: "https://" + name + ".test/x", Types: []string{}, Secret: []byte("a secret of 24 octets, at least"), By: "local:root", Created: day}
}

func delivery(id int64, hook string) outbox.Delivery {
	return outbox.Delivery{ID: id, Hook: hook, Event: "e" + name(int(id)), Type: "user.changed", Resource: "users/a", Created: day, Size: 6, Body: []byte("body 1")}
}

func add(t *testing.T, s outbox.Store, list ...outbox.Delivery) {
	t.Helper()
	result := make(chan error, 1)
	must(t, s.Add(list, func(err error) { result <- err }))
	must(t, <-result)
}

func hooks(t *testing.T, s outbox.Store) map[string]outbox.Hook {
	t.Helper()
	all := map[string]outbox.Hook{}
	must(t, s.Hooks(t.Context(), func(h outbox.Hook) { all[h.Name] = h }))
	return all
}

func pending(t *testing.T, s outbox.Store) (list []outbox.Delivery) {
	t.Helper()
	must(t, s.Pending(t.Context(), func(d outbox.Delivery) { list = append(list, d) }))
	return list
}
