package process

import (
	"os"
	"syscall"
)

// mortal makes a program die with us, also when we are killed and clean up nothing.
// It leads a group of its own, so that Kill ends its children as well.
func mortal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// killGroup kills a program and its children.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
