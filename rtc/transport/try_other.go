//go:build !unix

package transport

// canTry is false: all writing is done by the queue's goroutine.
const canTry = false

func (k *link) tryWrite(uintptr) bool { return true }
