package kv

// What k6 is told about a store on a server: how long commands take, how many are on
// their way, and what has gone wrong with connections. It is little, so it is always told.

import (
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// trafficMetrics are registered for all stores, as k6 wants them before there are any.
type trafficMetrics struct{ roundTrip, onTheirWay, reconnects, unknown *metrics.Metric }

// The calls that come back tell it, whichever virtual user's: one in so long.
const trafficInterval = int64(time.Second)

// trafficWatch is when it is to be told next, in nanoseconds since 1970.
type trafficWatch struct{ next atomic.Int64 }

// due tells whether it is this call's turn.
func (w *trafficWatch) due(now time.Time) bool {
	next := w.next.Load()
	return now.UnixNano() >= next && w.next.CompareAndSwap(next, now.UnixNano()+trafficInterval)
}

// tellTraffic emits what there is to tell, if it is time. A call has come back.
func (kv *kvObject) tellTraffic() {
	m, state, now := kv.handle.meter, kv.vu.State(), time.Now()
	if state == nil || !m.watch.due(now) || !kv.handle.enter() {
		return
	}
	activity, told := kv.handle.store.Activity()
	kv.handle.leave()
	if !told {
		return
	}
	current := state.Tags.GetCurrentValues()
	tags := m.tagsFor(current.Tags).store
	b := batch{&kv.outbox, now, current.Metadata}
	for _, took := range activity.RoundTrips {
		b.add(m.traffic.roundTrip, tags, metrics.D(took))
	}
	b.add(m.traffic.onTheirWay, tags, float64(activity.InFlight))
	if activity.Reconnects > 0 {
		b.add(m.traffic.reconnects, tags, float64(activity.Reconnects))
	}
	if activity.Unknown > 0 {
		b.add(m.traffic.unknown, tags, float64(activity.Unknown))
	}
	kv.post(state)
}
