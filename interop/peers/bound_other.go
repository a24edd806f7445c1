//go:build !linux

package peers

// bound cannot be told here.
func bound(_, _ int) bool { return true }
