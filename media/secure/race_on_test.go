//go:build race

package secure

// raced: the race detector makes pools forget at random, so allocations mean
// nothing.
const raced = true
