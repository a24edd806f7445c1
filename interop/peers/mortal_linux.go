package peers

import "syscall"

// mortal makes a program die with us, also when we are killed and clean up nothing.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
