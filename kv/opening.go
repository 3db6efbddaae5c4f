package kv

// Opening stores, for many virtual users that do so at the same time.

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/xk6-kv/xkv"
)

// opener remembers for a moment which servers could not be reached. k6 makes several virtual
// users at a time, and begins with more before it sees that one has failed: without this, those
// would wait for as long once more.
type opener struct {
	mu     sync.Mutex
	failed map[string]failedOpening // by the settings
}

type failedOpening struct {
	err error
	by  *instance // who may try again
	at  time.Time
}

// A run whose virtual user could not be made begins with no other after this time.
const rememberFailed = time.Second

func (o *opener) open(by *instance, settings []xkv.Setting) (*xkv.Store, error) {
	key := fmt.Sprintf("%q", settings)
	if err := o.lately(by, key); err != nil {
		return nil, err
	}
	store, err := xkv.Open(settings)
	var failure *xkv.Error
	if errors.As(err, &failure) && failure.Code == xkv.ServerUnavailable {
		o.remember(key, failedOpening{err, by, time.Now()})
	}
	return store, err
}

// lately returns what another virtual user has just been told.
func (o *opener) lately(by *instance, key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	failed, ok := o.failed[key]
	if !ok || failed.by == by || time.Since(failed.at) > rememberFailed {
		return nil
	}
	return failed.err
}

func (o *opener) remember(key string, failed failedOpening) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = make(map[string]failedOpening)
	}
	o.failed[key] = failed
}
