package xkv

/*
#include <xkv.h>
*/
import "C"

import (
	"time"
	"unsafe"
)

// Activity is what goes on between this process and a store's server; all but InFlight
// since it was asked before.
type Activity struct {
	InFlight, Reconnects, Unknown int64
	RoundTrips                    []time.Duration // of some commands
}

// Activity tells what goes on; false if that cannot be told.
func (s *Store) Activity() (Activity, bool) {
	var activity C.xkv_activity
	if C.xkv_store_activity(s.handle, &activity, nil, 0) != C.XKV_OK {
		return Activity{}, false
	}
	a := Activity{
		InFlight:   int64(activity.in_flight),
		Reconnects: int64(activity.reconnects),
		Unknown:    int64(activity.unknown),
	}
	for _, ns := range unsafe.Slice(&activity.round_trip_ns[0], int(activity.round_trips)) {
		a.RoundTrips = append(a.RoundTrips, time.Duration(ns))
	}
	return a, true
}
