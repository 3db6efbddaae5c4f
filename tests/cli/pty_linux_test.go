package cli_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// The requests of pseudo-terminals that the package syscall has no names for.
const (
	tiocgptn   = 0x80045430
	tiocsptlck = 0x40045431
)

func ioctl(file *os.File, request uintptr, argument unsafe.Pointer) error {
	_, _, number := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument))
	if number != 0 {
		return number
	}
	return nil
}

// openTerminal makes a pseudo-terminal: its two ends, the second for a program.
func openTerminal(t *testing.T, columns, rows uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	var number, unlocked int32
	check(t, ioctl(ours, tiocsptlck, unsafe.Pointer(&unlocked)))
	check(t, ioctl(ours, tiocgptn, unsafe.Pointer(&number)))
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	size := [4]uint16{rows, columns}
	check(t, ioctl(theirs, syscall.TIOCSWINSZ, unsafe.Pointer(&size)))
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// A run of xkv in a terminal.
type terminalRun struct {
	t       *testing.T
	command *exec.Cmd
	ours    *os.File
	over    chan struct{}

	mu  sync.Mutex
	out strings.Builder
}

// inTerminal starts xkv with a terminal for all of its streams.
func (f folder) inTerminal(columns, rows uint16, words ...string) *terminalRun {
	f.t.Helper()
	ours, theirs := openTerminal(f.t, columns, rows)
	run := &terminalRun{t: f.t, command: f.command(words...), ours: ours, over: make(chan struct{})}
	run.command.Stdin, run.command.Stdout, run.command.Stderr = theirs, theirs, theirs
	run.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(f.t, run.command.Start())
	theirs.Close()
	f.t.Cleanup(func() { _ = run.command.Process.Kill() })
	go run.read()
	return run
}

func (r *terminalRun) read() {
	defer close(r.over)
	chunk := make([]byte, 4096)
	for {
		n, err := r.ours.Read(chunk)
		r.mu.Lock()
		r.out.Write(chunk[:n])
		r.mu.Unlock()
		if err != nil { // EIO, when the program has ended
			return
		}
	}
}

func (r *terminalRun) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// await waits until something was printed so many times.
func (r *terminalRun) await(text string, times int) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); strings.Count(r.seen(), text) < times; {
		if time.Now().After(end) {
			r.t.Fatalf("%q has not come %d times: %q", text, times, r.seen())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// wait gives all that was printed when the program has ended with a code.
func (r *terminalRun) wait(code int) string {
	r.t.Helper()
	err := r.command.Wait()
	<-r.over
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
	if got := r.command.ProcessState.ExitCode(); got != code {
		r.t.Errorf("xkv %q ended with %d, not %d; it printed %q", r.command.Args[1:], got, code, r.seen())
	}
	return r.seen()
}
