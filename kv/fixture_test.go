package kv

// What the tests of values share: a runtime with an encoder and a decoder, and chance.

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/sobek"
)

// fixture is a runtime with an encoder and a decoder.
type fixture struct {
	testing.TB
	rt *sobek.Runtime
	e  *encoder
	d  *decoder

	stringify, parse sobek.Callable
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	rt := sobek.New()
	f := &fixture{TB: t, rt: rt, e: newEncoder(rt), d: newDecoder(rt)}
	f.stringify = f.function("JSON.stringify")
	f.parse = f.function("JSON.parse")
	return f
}

// js runs a script and returns its value.
func (f *fixture) js(source string) sobek.Value {
	f.Helper()
	v, err := f.rt.RunString(source)
	if err != nil {
		f.Fatalf("%s: %v", source, err)
	}
	return v
}

func (f *fixture) function(source string) sobek.Callable {
	f.Helper()
	function, ok := sobek.AssertFunction(f.js(source))
	if !ok {
		f.Fatalf("%s is not a function", source)
	}
	return function
}

func (f *fixture) call(function sobek.Callable, arguments ...sobek.Value) sobek.Value {
	f.Helper()
	v, err := function(sobek.Undefined(), arguments...)
	if err != nil {
		f.Fatal(err)
	}
	return v
}

// refused encodes v, which must fail, and returns the message.
func (f *fixture) refused(v sobek.Value, s serialization) string {
	f.Helper()
	data, err := f.e.encode(v, s)
	var refusal *serializerError
	if !errors.As(err, &refusal) {
		f.Fatalf("want a serializerError, got %q, %v", data, err)
	}
	if refusal.Error() != refusal.Message || !strings.HasPrefix(refusal.Message, "value") {
		f.Fatalf("message %q, Error() %q", refusal.Message, refusal.Error())
	}
	return refusal.Message
}

// stored encodes v, which must succeed.
func (f *fixture) stored(v sobek.Value, s serialization) string {
	f.Helper()
	data, err := f.e.encode(v, s)
	if err != nil {
		f.Fatalf("encode: %v", err)
	}
	return string(data)
}

// seed returns a generator of random numbers that KV_SEED can repeat.
func seed(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KV_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("KV_SEED: %v", err)
		}
	}
	t.Logf("KV_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
