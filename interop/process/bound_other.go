//go:build !linux

package process

// bound cannot be told here.
func bound(_, _ int) bool { return true }
