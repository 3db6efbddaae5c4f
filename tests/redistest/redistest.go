// Package redistest starts servers for tests, with and without TLS.
package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Authority is one that nobody trusts who is not told to. Its files are NAME.pem and
// NAME.key.
type Authority struct {
	t   *testing.T
	dir string
	own *x509.Certificate
	key *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *Authority {
	a := &Authority{t: t, dir: t.TempDir()}
	a.own = &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.issue("ca", a.own)
	return a
}

// File is the path of one of its files.
func (a *Authority) File(name string) string { return filepath.Join(a.dir, name) }

func (a *Authority) issue(name string, certificate *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
	if a.key == nil {
		a.key = key
	}
	certificate.Subject = pkix.Name{CommonName: "tests " + name}
	certificate.SerialNumber = big.NewInt(time.Now().UnixNano())
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.own, &key.PublicKey, a.key)
	check(a.t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	check(a.t, err)
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", secret)
}

func (a *Authority) write(name, kind string, der []byte) {
	check(a.t, os.WriteFile(a.File(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// Start starts a server with more arguments, and returns the path of its socket. Without one
// the test is not run.
func Start(t *testing.T, arguments ...string) string {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("NOT RUN: there is no redis-server")
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	// #nosec G204 -- the server that scripts/servers.sh found, or the path's
	server := exec.Command(binary, append([]string{
		"--port", "0", "--unixsocket", socket, "--save", "", "--dir", t.TempDir(),
	}, arguments...)...)
	check(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 1000 {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return socket
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return ""
}

// Front speaks TLS before a server, and returns its address.
func (a *Authority) Front(socket string, clients tls.ClientAuthType) string {
	own, err := tls.LoadX509KeyPair(a.File("server.pem"), a.File("server.key"))
	check(a.t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(a.parsed())
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own},
		ClientAuth: clients, ClientCAs: trusted,
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	check(a.t, err)
	return relay(a.t, listener, socket)
}

// Plain is a server's address without TLS.
func Plain(t *testing.T, socket string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	return relay(t, listener, socket)
}

// relay carries what comes to a server, and returns where it listens.
func relay(t *testing.T, listener net.Listener, socket string) string {
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			join := func(to io.WriteCloser, from io.Reader) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}
			go join(far, near)
			go join(near, far)
		}
	}()
	return listener.Addr().String()
}

func (a *Authority) parsed() *x509.Certificate {
	text, err := os.ReadFile(a.File("ca.pem"))
	check(a.t, err)
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	check(a.t, err)
	return certificate
}

// New makes one that has issued "server", for redis.internal and 127.0.0.1, and "me", for a
// client.
func New(t *testing.T) *Authority {
	a := newAuthority(t)
	a.issue("server", &x509.Certificate{
		DNSNames: []string{"redis.internal"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	a.issue("me", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return a
}
