//go:build cgo

package xkv

import (
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// socketOfC is the end of a connection that C has made. The runtime takes no sockets that it has
// not made itself, so calls wait in the system, each in a thread.
type socketOfC struct {
	socket syscall.Handle
	mutex  sync.Mutex
	users  int // who is in a call; the last one closes
	closed bool
}

// nearEnd is the end of a connection that C has made, as something that Go reads and writes.
func nearEnd(socket uintptr) io.ReadWriteCloser {
	const setWaiting = 0x8004667e // FIONBIO
	near := &socketOfC{socket: syscall.Handle(socket)}
	var no, got uint32
	// If that fails, the first call does.
	_ = syscall.WSAIoctl(near.socket, setWaiting, (*byte)(unsafe.Pointer(&no)),
		uint32(unsafe.Sizeof(no)), nil, 0, &got, nil, 0)
	return near
}

func (s *socketOfC) enter() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.users++
	return nil
}

func (s *socketOfC) leave() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users--
	s.closeUnused()
}

// closeUnused is called with the mutex. A number that is closed may be another socket's at once.
func (s *socketOfC) closeUnused() {
	if s.closed && s.users == 0 {
		_ = syscall.Closesocket(s.socket)
		s.socket = syscall.InvalidHandle
	}
}

// Close ends the calls that wait, too.
func (s *socketOfC) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	_ = syscall.Shutdown(s.socket, syscall.SHUT_RDWR)
	s.closeUnused()
	return nil
}

func buffer(bytes []byte) syscall.WSABuf {
	return syscall.WSABuf{Len: uint32(min(len(bytes), 1<<30)), Buf: unsafe.SliceData(bytes)}
}

func (s *socketOfC) Read(bytes []byte) (int, error) {
	if len(bytes) == 0 {
		return 0, nil
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	var got, flags uint32
	into := buffer(bytes)
	if err := syscall.WSARecv(s.socket, &into, 1, &got, &flags, nil, nil); err != nil {
		return 0, err
	}
	if got == 0 {
		return 0, io.EOF
	}
	return int(got), nil
}

func (s *socketOfC) Write(bytes []byte) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	for done := 0; done < len(bytes); {
		var sent uint32
		from := buffer(bytes[done:])
		if err := syscall.WSASend(s.socket, &from, 1, &sent, 0, nil, nil); err != nil {
			return done, err
		}
		done += int(sent)
	}
	return len(bytes), nil
}
