package services

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
)

const alice rtc.AOR = "sip:alice@example.com"

const root = "https://example.com/xcap-root/"

func put(t *testing.T, b *contacts.Book, u *xcap.Usage, name, text string) {
	t.Helper()
	if err := u.Validate([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Change(t.Context(), contacts.Key{User: alice, Usage: u.ID, Name: name}, nil, func([]byte) ([]byte, error) { return []byte(text), nil }); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) (*contacts.Book, *Services, *[]rtc.AOR) {
	t.Helper()
	b := contacts.New(contacts.NewMemory(), nil)
	s := New(b, root, func(a rtc.AOR) bool { return a == "sip:contacts@example.com" })
	var told []rtc.AOR
	if err := s.Load(t.Context(), func(user rtc.AOR) { told = append(told, user) }); err != nil {
		t.Fatal(err)
	}
	return b, s, &told
}

func members(t *testing.T, s *Services, address rtc.AOR) string {
	t.Helper()
	list, err := s.Members(t.Context(), address, alice)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), "} {", "}, {")
}

const services = `<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
<service uri="sip:friends@example.com"><list><rl:entry uri="sip:bob@example.com"><rl:display-name>Bob</rl:display-name></rl:entry><rl:list name="x"><rl:entry uri="sip:carol@example.com"/></rl:list></list><packages><package>presence</package></packages></service>
<service uri="sip:work@example.com"><resource-list>https://example.com/xcap-root/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5B@name=%22work%22%5D</resource-list></service>
<service uri="sip:one@example.com"><list><rl:entry uri="sip:two@example.com"/><rl:entry uri="sip:dave@example.com"/></list></service>
<service uri="sip:two@example.com"><list><rl:entry uri="sip:one@example.com"/><rl:entry uri="sip:erin@example.com"/></list></service>
<service uri="sip:foreign@example.com"><resource-list>https://example.com/xcap-root/resource-lists/users/sip:bob@example.com/index</resource-list></service>
</rls-services>`

const kept = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
<list name="work"><entry uri="sip:frank@example.com"/><entry-ref ref="resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5B@name=%22home%22%5D/entry%5B@uri=%22sip:grace@example.com%22%5D"/>
<external anchor="https://example.com/xcap-root/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5B@name=%22work%22%5D"/></list>
<list name="home"><entry uri="sip:grace@example.com"/></list></resource-lists>`

// Lists in lists, lists elsewhere, and lists that contain each other or themselves.
func TestRFC4826Section4Services(t *testing.T) {
	b, s, told := start(t)
	if s.Known("sip:friends@example.com", "presence", alice) {
		t.Error("a list is known that nobody keeps")
	}
	put(t, b, xcap.Services, contacts.Index, services)
	put(t, b, xcap.ResourceLists, contacts.Index, kept)
	if len(*told) != 2 || (*told)[0] != alice {
		t.Errorf("told %v", *told)
	}
	for address, want := range map[rtc.AOR]string{
		"sip:friends@example.com":  "{sip:bob@example.com Bob}, {sip:carol@example.com }",
		"sip:work@example.com":     "{sip:frank@example.com }, {sip:grace@example.com }",
		"sip:one@example.com":      "{sip:erin@example.com }, {sip:dave@example.com }",
		"sip:foreign@example.com":  "",
		"sip:contacts@example.com": "{sip:frank@example.com }, {sip:grace@example.com }",
	} {
		if got := members(t, s, address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, c := range []struct {
		address rtc.AOR
		pkg     string
		watcher rtc.AOR
		want    bool
	}{
		{"sip:friends@example.com", "presence", alice, true},
		{"sip:friends@example.com", "dialog", alice, false}, // not among its packages
		{"sip:work@example.com", "dialog", alice, true},
		{"sip:friends@example.com", "presence", "sip:bob@example.com", false},
		{"sip:contacts@example.com", "presence", "sip:bob@example.com", true},
	} {
		if got := s.Known(c.address, c.pkg, c.watcher); got != c.want {
			t.Errorf("%s for %s by %s: %t", c.address, c.pkg, c.watcher, got)
		}
	}
	if err := b.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if s.Known("sip:friends@example.com", "presence", alice) {
		t.Error("a list of a deleted user is known")
	}
}

// After a restart they are known as before.
func TestLoad(t *testing.T) {
	b, _, _ := start(t)
	put(t, b, xcap.Services, contacts.Index, services)
	s := New(b, root, func(rtc.AOR) bool { return false })
	if err := s.Load(t.Context(), func(rtc.AOR) {}); err != nil {
		t.Fatal(err)
	}
	if !s.Known("sip:friends@example.com", "presence", alice) {
		t.Error("not known")
	}
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte(services), []byte(kept))
	f.Fuzz(func(t *testing.T, rls, lists []byte) {
		b, s, _ := start(t)
		for u, text := range map[*xcap.Usage][]byte{xcap.Services: rls, xcap.ResourceLists: lists} {
			if u.Validate(text) != nil {
				continue
			}
			_, _, _ = b.Change(t.Context(), contacts.Key{User: alice, Usage: u.ID, Name: contacts.Index}, nil, func([]byte) ([]byte, error) { return text, nil })
		}
		for _, x := range s.by[alice] {
			if _, err := s.Members(t.Context(), x.address, alice); err != nil {
				t.Errorf("%s: %v", x.address, err)
			}
		}
	})
}
