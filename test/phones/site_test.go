package phones

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/test/harness"
)

// at has a user have an extension at a site.
func (o *office) at(user, site, extension string, numbers ...string) {
	o.t.Helper()
	if err := o.Directory().Change(o.t.Context(), rtc.AOR("sip:"+user+"@example.com"), directory.Change{Site: &site, Extension: &extension, Numbers: &numbers}); err != nil {
		o.t.Fatal(err)
	}
}

func TestLoginByExtensionOfTheSite(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "carol", "second"} {
		o.user(u)
	}
	o.at("alice", "Berlin", "100")
	o.at("carol", "Rom", "100")
	o.at("second", "Berlin", "101")
	second := o.place(t, "yealink", "001565000002", "second")
	r := harness.SocketClient(t, o.Server).Do("POST", "/users/alice/phone-pin", "")
	pin, _ := r.Body["pin"].(string)
	second.dialCode(t, "*11*100*"+pin+"#", second)
	if second.user != "alice" {
		t.Errorf("extension 100 of Berlin logs %s in", second.user)
	}
}

func TestPhonebookLeadsToWhomItNames(t *testing.T) {
	o := newOffice(t, nil)
	for _, u := range []string{"alice", "bob", "carol", "dave", "erin"} {
		o.user(u)
	}
	o.at("alice", "Berlin", "100")
	o.at("bob", "Berlin", "101")
	o.at("carol", "Rom", "100")
	o.at("dave", "Rom", "102", "+3906123456")
	o.at("erin", "", "103")
	o.phone(alicesMAC, "yealink", nil, "bob")
	_, file := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	book := between(file, "remote_phonebook.data.1.url = ", "\n")
	_, text := o.ask("https", book[strings.Index(book, "phonebook/"):], yealink(alicesMAC))
	for _, number := range []string{"100", "101", "carol", "+3906123456", "103"} {
		if strings.Count(text, ">"+number+"<") != 1 {
			t.Errorf("%s is not there once:\n%s", number, text)
		}
	}
}
