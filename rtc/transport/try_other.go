//go:build !unix

package transport

// canTry: all writing goes through the queue's goroutine.
const canTry = false

func (k *link) tryWrite(uintptr) bool { return true }
