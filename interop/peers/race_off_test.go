//go:build !race

package peers_test

// The server is built as the tests are.
const race = false
