package xkv_test

import (
	"crypto/tls"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/xk6-kv/tests/redistest"
	"example.com/xk6-kv/xkv"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openAt(address string, more ...xkv.Setting) (*xkv.Store, error) {
	return xkv.Open(slices.Concat([]xkv.Setting{
		{Name: "backend", Value: "redis"},
		{Name: "url", Value: "rediss://" + address},
		{Name: "redis.timeout", Value: 3000.0},
	}, more))
}

// run runs an operation that has a key, and no more or a value.
func run(t *testing.T, store *xkv.Store, name, key, value string) string {
	t.Helper()
	all := xkv.Operations()
	operation := &all[slices.IndexFunc(all, func(o xkv.Operation) bool { return o.Name == name })]
	var (
		command xkv.Command
		reply   xkv.Reply
	)
	command.Begin(operation)
	command.SetText(operation.Positional[0].Slot, key)
	if len(operation.Positional) > 1 {
		command.SetBytes(operation.Positional[1].Slot, []byte(value))
	}
	queue := xkv.NewQueue()
	if store.Submit(&command, nil, queue, 0, &reply) {
		queue.Collect(func(done []xkv.Completion) { reply = done[0].Reply; reply.Keep(nil) })
	}
	defer reply.Release()
	if reply.Code != xkv.OK {
		t.Fatalf("%s: %s", name, reply.Data)
	}
	return string(reply.Data)
}

func TestTLS(t *testing.T) {
	a := redistest.New(t)
	check(t, os.WriteFile(a.File("none.pem"), []byte("nothing"), 0o600))
	socket := redistest.Start(t)
	open, strict := a.Front(socket, tls.NoClientCert), a.Front(socket, tls.RequireAndVerifyClientCert)
	ca := xkv.Setting{Name: "redis.tls.ca", Value: a.File("ca.pem")}
	name := func(name string) xkv.Setting { return xkv.Setting{Name: "redis.tls.serverName", Value: name} }
	cert := xkv.Setting{Name: "redis.tls.cert", Value: a.File("me.pem")}
	key := xkv.Setting{Name: "redis.tls.key", Value: a.File("me.key")}

	for what, one := range map[string]struct {
		address string
		options []xkv.Setting
		fails   string
	}{
		"trusted":             {open, []xkv.Setting{ca}, ""},
		"by its name":         {open, []xkv.Setting{ca, name("redis.internal")}, ""},
		"insecure":            {open, []xkv.Setting{{Name: "redis.tls.insecure", Value: true}}, ""},
		"with our own":        {strict, []xkv.Setting{ca, cert, key}, ""},
		"not trusted":         {open, nil, "unknown authority"},
		"another name":        {open, []xkv.Setting{ca, name("redis.external")}, "redis.external"},
		"no file":             {open, []xkv.Setting{{Name: "redis.tls.ca", Value: a.File("x.pem")}}, "redis.tls.ca"},
		"no certificate":      {open, []xkv.Setting{{Name: "redis.tls.ca", Value: a.File("none.pem")}}, "no certificate"},
		"no key":              {strict, []xkv.Setting{ca, cert, {Name: "redis.tls.key", Value: a.File("none.pem")}}, "redis.tls.key"},
		"nobody is listening": {"127.0.0.1:1", []xkv.Setting{ca}, "refused"},
	} {
		t.Run(what, func(t *testing.T) {
			began := time.Now()
			store, err := openAt(one.address, one.options...)
			if one.fails != "" && one.fails != "refused" && time.Since(began) > 2*time.Second {
				t.Errorf("it was tried again, for %v", time.Since(began))
			}
			if one.fails != "" {
				if err == nil || !strings.Contains(err.Error(), one.fails) {
					t.Fatalf("%v, want %q", err, one.fails)
				}
				return
			}
			check(t, err)
			defer store.Close()
			large := strings.Repeat("x", 1<<20)
			run(t, store, "set", what, `"`+large+`"`)
			if got := run(t, store, "get", what, ""); got != `"`+large+`"` {
				t.Errorf("%d bytes came back", len(got))
			}
		})
	}
}

// A server that wants to know who we are says so when TLS is there already.
func TestTLSWithoutOurOwn(t *testing.T) {
	a := redistest.New(t)
	notices := make(chan string, 100)
	xkv.TakeNotices(func(text string) { notices <- text })
	_, err := openAt(a.Front(redistest.Start(t), tls.RequireAndVerifyClientCert),
		xkv.Setting{Name: "redis.tls.ca", Value: a.File("ca.pem")})
	if err == nil {
		t.Fatal("it is open")
	}
	if told := <-notices; !strings.Contains(told, "certificate") {
		t.Error(told)
	}
	if len(notices) > 0 {
		t.Error("it is told again:", <-notices)
	}
}

// A server that says nothing is waited for no longer than the time allows.
func TestTLSTakesTooLong(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer silent.Close()
	wantTimeout(t, silent.Addr().String(), "redis://")
}

// wantTimeout wants a connection through TLS to fail after its time, and at most a tenth of it later.
func wantTimeout(t *testing.T, address, words string) {
	t.Helper()
	const timeout = 2 * time.Second
	began := time.Now()
	_, err := openAt(address, xkv.Setting{Name: "redis.timeout", Value: timeout.String()})
	took := time.Since(began)
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v, want %q", err, words)
	}
	if took < timeout-timeout/20 || took > timeout+timeout/10 {
		t.Errorf("it took %v", took)
	}
}

// A server without TLS takes what it is told for the beginning of a command.
func TestTLSToAServerWithout(t *testing.T) {
	wantTimeout(t, redistest.Plain(t, redistest.Start(t)), "if it does not speak it, let the url begin with redis://")

	talks, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer talks.Close()
	go func() {
		for c, err := talks.Accept(); err == nil; c, err = talks.Accept() {
			_, _ = c.Write([]byte("-ERR unknown command\r\n"))
		}
	}()
	began := time.Now()
	_, err = openAt(talks.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS: let the url begin with redis://") ||
		time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// And one with TLS ends a connection that begins otherwise.
func TestPlainToAServerWithTLS(t *testing.T) {
	address := redistest.New(t).Front(redistest.Start(t), tls.NoClientCert)
	_, err := xkv.Open([]xkv.Setting{
		{Name: "backend", Value: "redis"}, {Name: "url", Value: "redis://" + address},
		{Name: "redis.timeout", Value: "500ms"},
	})
	if err == nil || !strings.Contains(err.Error(), "let the url begin with rediss://") {
		t.Error(err)
	}
}
