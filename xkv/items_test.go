//go:build cgo

package xkv

import (
	"math"
	"testing"
)

// A length of 4 GiB and three bytes was written as one of three.
func TestLengthsThatDoNotFit(t *testing.T) {
	for n, want := range map[int]uint32{
		0:             0,
		mostBytes - 1: mostBytes - 1,
		mostBytes:     mostBytes,
		mostBytes + 1: mostBytes,
		math.MaxInt:   mostBytes,
	} {
		if got := fitting(n); got != want {
			t.Errorf("of %d bytes %d are taken, want %d", n, got, want)
		}
	}
	if n := int64(1<<32 + 3); n <= math.MaxInt && fitting(int(n)) != mostBytes {
		t.Errorf("of %d bytes %d are taken", n, fitting(int(n)))
	}
}
