//go:build cgo

package xkv

// #include "xkv.h"
import "C"

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// dial is a connection through TLS that C wants.
type dial struct {
	host, port string
	ca, cert, key,
	serverName string // "" if left out
	insecure bool
	timeout  time.Duration
}

//export xkvgoDial
func xkvgoDial(to *C.xkv_dial, socket C.intptr_t, message *C.char, size C.size_t) C.int {
	near := nearEnd(uintptr(socket))
	far, err := newDial(to).connect()
	if err != nil {
		_ = near.Close()
		room := unsafe.Slice((*byte)(unsafe.Pointer(message)), int(size))
		room[copy(room[:len(room)-1], err.Error())] = 0
		return C.int(codeOf(err))
	}
	go carry(far, near)
	go func() { tellOnce(carry(near, far)) }()
	return C.int(OK)
}

// codeOf tells what would fail again from what may not.
func codeOf(err error) Code {
	var (
		untrusted *tls.CertificateVerificationError
		noTLS     tls.RecordHeaderError
		files     *filesError
	)
	if errors.As(err, &untrusted) || errors.As(err, &noTLS) || errors.As(err, &files) {
		return InvalidOptions
	}
	return ServerUnavailable
}

// filesError is about the files that options name.
type filesError struct{ error }

// carry copies until one of the two is closed, and then closes the other.
func carry(to io.WriteCloser, from io.ReadCloser) error {
	_, err := io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
	return err
}

var told sync.Map

// tellOnce tells why a server has ended a connection. Since TLS 1.3 it does so after the
// handshake if it does not like our certificate, and C then only sees that it is over.
func tellOnce(err error) {
	if err == nil || !strings.Contains(err.Error(), "remote error: tls: ") {
		return
	}
	tell := notice.Load()
	if _, again := told.LoadOrStore(err.Error(), true); tell != nil && !again {
		(*tell)("the server has ended a connection through TLS: " + err.Error())
	}
}

func newDial(to *C.xkv_dial) *dial {
	options := to.options
	return &dial{
		host:       C.GoString(to.host),
		port:       C.GoString(to.port),
		ca:         C.GoString(options.tls_ca),
		cert:       C.GoString(options.tls_cert),
		key:        C.GoString(options.tls_key),
		serverName: C.GoString(options.tls_server_name),
		insecure:   bool(options.tls_insecure),
		timeout:    time.Duration(to.timeout_ms) * time.Millisecond,
	}
}

func (d *dial) connect() (*tls.Conn, error) {
	config, err := d.config()
	if err != nil {
		return nil, &filesError{err}
	}
	end, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	far, err := (&net.Dialer{}).DialContext(end, "tcp", net.JoinHostPort(d.host, d.port))
	if err != nil {
		return nil, fmt.Errorf("cannot connect through TLS: %w", err)
	}
	through := tls.Client(far, config)
	if err := through.HandshakeContext(end); err != nil {
		_ = far.Close()
		return nil, fmt.Errorf("cannot connect through TLS: %w%s", err, advice(err))
	}
	return through, nil
}

// advice is what there is to do about a handshake that has failed. A server without TLS takes what
// it is told for the beginning of a command, and waits for the rest.
func advice(err error) string {
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &noTLS):
		return "; the server does not speak TLS: let the url begin with redis://"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "; the server has not answered in TLS: if it does not speak it, let the url begin with redis://"
	}
	return ""
}

// name is what the server's certificate has to be for.
func (d *dial) name() string {
	if d.serverName != "" {
		return d.serverName
	}
	return d.host
}

func (d *dial) config() (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         d.name(),
		InsecureSkipVerify: d.insecure, // #nosec G402 -- the option redis.tls.insecure says so
	}
	if d.ca != "" {
		pem, err := os.ReadFile(d.ca)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis.tls.ca: there is no certificate in %q; it must be PEM", d.ca)
		}
	}
	if d.cert != "" {
		own, err := tls.LoadX509KeyPair(d.cert, d.key)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.cert and redis.tls.key: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}
