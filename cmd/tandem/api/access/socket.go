package access

import (
	"context"
	"net"
	"os/user"
	"strconv"
	"syscall"
)

// Socket names the caller of each request on a Unix socket by the peer's user
// id, as the kernel tells it; it fits http.Server.ConnContext.
func Socket(ctx context.Context, c net.Conn) context.Context {
	name := "unknown"
	if u, ok := c.(*net.UnixConn); ok {
		if raw, err := u.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { // the name stays unknown
				if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
					name = userName(cred.Uid)
				}
			})
		}
	}
	return With(ctx, Local(name))
}

// Self is the user this process runs as, who calls operations without a server.
func Self() Caller { return Local(userName(uint32(syscall.Getuid()))) }

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
