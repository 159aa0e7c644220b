package child

import "syscall"

// attributes asks for a death signal. The kernel sends it when the thread that started the child ends, not the
// process; Go keeps its threads, except one that a goroutine locked and never unlocked. Nothing here locks one.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
