//go:build unix

package transport

import "syscall"

// canTry is true: writing without waiting is possible.
const canTry = true

// tryWrite writes as much of the queue as the socket accepts now.
func (k *link) tryWrite(fd uintptr) bool {
	for k.tryN < len(k.q) {
		n, err := syscall.Write(int(fd), k.q[k.tryN:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			k.tryErr = err
			return true
		}
		k.tryN += n
	}
	return true
}
