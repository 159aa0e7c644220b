// Package child runs child processes that do not outlive the program that started them.
package child

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A Process is a started command in a process group of its own, so that Ctrl-C in a terminal reaches only
// the parent, which then ends its children in its own order.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // why it ended; read it only after done is closed
	once sync.Once
}

// Start starts cmd. On Linux the kernel kills it when the parent dies, however that dies.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	// A grandchild may hold the output pipes open: do not wait for it.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the process id, and the id of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the end and says why it came: nil after exit status 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Kill ends the process and its group at once and waits until it is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end, kills it when it has not done so within patience, and waits until it is gone.
func (p *Process) Stop(patience time.Duration) {
	p.once.Do(func() {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(patience):
		}
		p.Kill()
	})
}

func (p *Process) signal(s syscall.Signal) {
	// Once the process is waited for, its id may belong to somebody else.
	select {
	case <-p.done:
		return
	default:
	}
	if err := syscall.Kill(-p.Pid(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.cmd.Process.Signal(s)
	}
}
