// Package strangers holds the tests of what people without credentials, or with those of
// others, try with the server, in virtual time.
package strangers
