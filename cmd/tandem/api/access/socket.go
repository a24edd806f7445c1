package access

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
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
					name = userName(cred.Uid) + login(cred.Uid, fmt.Sprintf("/proc/%d/loginuid", cred.Pid))
				}
			})
		}
	}
	return With(ctx, Local(name))
}

// Self is the user this process runs as, who calls operations without a server.
func Self() Caller {
	uid := uint32(syscall.Getuid())
	return Local(userName(uid) + login(uid, "/proc/self/loginuid"))
}

// login tells by whom a session was begun that has become another user since, by
// sudo for instance: "(alice)". The kernel keeps it, and lets nobody change it.
func login(uid uint32, file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil || n == 1<<32-1 || uint32(n) == uid { // none, or the same
		return ""
	}
	return "(" + userName(uint32(n)) + ")"
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
