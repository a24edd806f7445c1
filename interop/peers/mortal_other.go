//go:build !linux

package peers

import "syscall"

func mortal() *syscall.SysProcAttr { return nil }
