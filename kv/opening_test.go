package kv

import (
	"strings"
	"testing"
	"time"

	"example.com/xk6-kv/xkv"
)

// What one has waited for in vain, others do not wait for as well; but it may try again.
func TestOthersDoNotWaitForTheSameServer(t *testing.T) {
	const timeout = 300 * time.Millisecond
	var (
		o          opener
		one, other instance
	)
	settings := []xkv.Setting{{Name: "backend", Value: "redis"}, {Name: "url", Value: "redis://127.0.0.1:1"},
		{Name: "redis.timeout", Value: timeout.String()}}
	for n, test := range []struct {
		by    *instance
		waits bool
	}{{&one, true}, {&other, false}, {&one, true}, {&other, false}} {
		start := time.Now()
		_, err := o.open(test.by, settings)
		took := time.Since(start)
		if err == nil || !strings.Contains(err.Error(), "nobody listens") {
			t.Fatal(err)
		}
		if test.waits != (took > timeout/2) {
			t.Errorf("number %d took %v", n, took)
		}
	}
}
