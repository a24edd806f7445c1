package login

import (
	"testing"

	"tandem/gateways"
)

// A trunk keeps its login, and the challenge in it, until its credentials change.
func TestOf(t *testing.T) {
	var l Logins
	if l.Of(nil) != nil || l.Of(&gateways.Trunk{Name: "open"}) != nil {
		t.Error("a login for who asks for none")
	}
	trunk := &gateways.Trunk{Name: "berlin", Digest: gateways.Digest{User: "u", Secret: "one"}}
	first := l.Of(trunk)
	if first == nil || l.Of(trunk) != first {
		t.Fatal("the login is not kept")
	}
	if l.Of(&gateways.Trunk{Name: "other", Digest: trunk.Digest}) == first {
		t.Error("two trunks have the same login")
	}
	changed := &gateways.Trunk{Name: "berlin", Digest: gateways.Digest{User: "u", Secret: "two"}}
	if second := l.Of(changed); second == first || l.Of(changed) != second {
		t.Error("the login does not follow the credentials")
	}
}
