package operation

// UserPath names a user in a path.
type UserPath struct {
	User string `path:"user" doc:"alice, alice@example.com or sip:alice@example.com"`
}
