package kv

// What k6 is told about calls and stores.
//
// Metrics of calls are wanted for every call, so what they need is made once:
// the tags of each method, for each set of tags that the virtual user has.

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"example.com/xk6-kv/xkv"
)

const metricPrefix = "xk6_kv_"

// gauges are what reportStats emits: where in the reply a number stands, and
// the tag "index" of those that come for several structures.
var gauges = []struct {
	name     string
	contains metrics.ValueType
	path     string
	index    string
}{
	{"keys", metrics.Default, "count", ""},
	{"claims_live", metrics.Default, "claims.live", ""},
	{"claims_expired", metrics.Default, "claims.expired", ""},
	{"index_keys", metrics.Default, "index.keysList", "keys_list"},
	{"index_keys", metrics.Default, "index.keysMap", "keys_map"},
	{"index_keys", metrics.Default, "index.ost", "ost"},
	{"index_consistent", metrics.Default, "index.consistent", ""},
	{"disk_size_bytes", metrics.Data, "disk.sizeBytes", ""},
}

// metricSet is what the module has registered with k6.
type metricSet struct {
	registry *metrics.Registry

	// Always on, since they cost nothing while all goes well.
	errors, claimsLost *metrics.Metric

	operations, duration, failed, empty, inFlight *metrics.Metric

	traffic trafficMetrics

	gauges []*metrics.Metric // in the order of the table above
}

// registerMetrics registers all metrics with k6, once for all virtual users.
func (r *RootModule) registerMetrics(vu modules.VU) *metricSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	registry := vu.InitEnv().Registry
	if r.metrics != nil && r.metrics.registry == registry {
		return r.metrics
	}
	add := func(name string, kind metrics.MetricType, contains metrics.ValueType) *metrics.Metric {
		metric, err := registry.NewMetric(metricPrefix+name, kind, contains)
		if err != nil {
			common.Throw(vu.Runtime(), err)
		}
		return metric
	}
	set := &metricSet{
		registry:   registry,
		operations: add("operations_total", metrics.Counter, metrics.Default),
		duration:   add("operation_duration", metrics.Trend, metrics.Time),
		failed:     add("operation_failed", metrics.Rate, metrics.Default),
		errors:     add("errors_total", metrics.Counter, metrics.Default),
		claimsLost: add("claims_lost_total", metrics.Counter, metrics.Default),
		empty:      add("empty_result", metrics.Rate, metrics.Default),
		inFlight:   add("async_in_flight", metrics.Gauge, metrics.Default),
		traffic: trafficMetrics{
			roundTrip:  add("round_trip", metrics.Trend, metrics.Time),
			onTheirWay: add("requests_in_flight", metrics.Gauge, metrics.Default),
			reconnects: add("reconnects_total", metrics.Counter, metrics.Default),
			unknown:    add("outcomes_unknown_total", metrics.Counter, metrics.Default),
		},
	}
	for _, gauge := range gauges {
		set.gauges = append(set.gauges, add(gauge.name, metrics.Gauge, gauge.contains))
	}
	r.metrics = set
	return set
}

// storeTags are the tags that say what kind of store a sample is of.
type storeTags struct{ backend, trackKeys, serialization string }

// meter emits what concerns one virtual user and one store.
type meter struct {
	*metricSet
	storeTags
	perCall  bool
	inFlight *atomic.Int64 // calls of all virtual users that wait, to stores of this kind
	watch    *trafficWatch // of all of them; nil unless they are on a server
	methods  int
	known    map[*metrics.TagSet]*tagSets
	last     *tagSets

	toldInFlight int64 // what was last told, and with which tags
	toldWith     *tagSets
}

// tagSets are the tags of samples, while a virtual user has tags of its own.
type tagSets struct {
	user, store *metrics.TagSet
	methods     []methodTags // by operation
}

type methodTags struct{ method, succeeded, failed *metrics.TagSet }

// As many tags of virtual users are remembered.
const mostTagSets = 64

func (i *instance) newMeter(options xkv.Options) *meter {
	tags := storeTags{
		backend:       options.Backend,
		trackKeys:     strconv.FormatBool(options.TrackKeys),
		serialization: options.Serialization.String(),
	}
	m := &meter{
		metricSet: i.metrics, storeTags: tags, perCall: options.Metrics,
		inFlight: i.root.inFlight(tags), methods: len(i.root.methods),
		known: make(map[*metrics.TagSet]*tagSets),
	}
	if options.Backend == "redis" {
		m.watch = &i.root.watch
	}
	return m
}

// inFlight is the count that all stores of a kind share.
func (r *RootModule) inFlight(tags storeTags) *atomic.Int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.traffic[tags] == nil {
		r.traffic[tags] = new(atomic.Int64)
	}
	return r.traffic[tags]
}

// tagsFor returns the tags to be used while the virtual user has these.
func (m *meter) tagsFor(user *metrics.TagSet) *tagSets {
	if m.last != nil && m.last.user == user {
		return m.last
	}
	tags := m.known[user]
	if tags == nil {
		if len(m.known) == mostTagSets {
			clear(m.known)
		}
		tags = &tagSets{
			user: user,
			store: user.With("backend", m.backend).With("track_keys", m.trackKeys).
				With("serialization", m.serialization),
			methods: make([]methodTags, m.methods),
		}
		m.known[user] = tags
	}
	m.last = tags
	return tags
}

func (t *tagSets) of(m *method) *methodTags {
	tags := &t.methods[m.Op]
	if tags.method == nil {
		tags.method = t.store.With("op", m.snakeName)
		tags.succeeded = tags.method.With("status", "ok")
		tags.failed = tags.method.With("status", "error")
	}
	return tags
}

// outbox gathers a virtual user's samples: handing them to k6 one call at a time
// takes longer than the call.
type outbox struct {
	samples   metrics.Samples
	usual     int   // how many there were the last time
	scheduled bool  // a flush is to come
	iteration int64 // in this one
}

// As many samples are handed over at once, those of some sixty calls.
const outboxSize = 192

// A call has this many at the most.
const samplesPerCall = 5

// batch is samples of one moment.
type batch struct {
	*outbox
	time     time.Time
	metadata map[string]string
}

func (b *batch) add(metric *metrics.Metric, tags *metrics.TagSet, value float64) {
	if b.samples == nil {
		b.samples = make(metrics.Samples, 0, b.usual+samplesPerCall)
	}
	b.samples = append(b.samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags},
		Time:       b.time, Value: value, Metadata: b.metadata,
	})
}

// post sees to it that the samples reach k6: when they are many, or else as soon
// as the script has nothing else to do, so before the iteration ends. k6 may end
// setup and teardown without that, when they fail.
func (i *instance) post(state *lib.State) {
	o := &i.outbox
	switch {
	case len(o.samples) >= outboxSize:
		i.flush(state)
	case len(o.samples) == 0 || o.scheduled && o.iteration == state.Iteration:
	default:
		o.scheduled, o.iteration = true, state.Iteration
		i.vu.RegisterCallback()(func() error {
			o.scheduled = false
			i.flush(state)
			return nil
		})
	}
}

// flush hands over the samples. k6 takes them until it is done with the virtual
// user, also those of an iteration that has failed: they say why.
func (i *instance) flush(state *lib.State) {
	o := &i.outbox
	if len(o.samples) > 0 {
		state.Samples <- o.samples
	}
	o.usual = len(o.samples)
	o.samples = nil // k6 has it now
}

// observe emits what is to be told about a call that settles now. failure is
// the name of an error, or ""; lost is how many claims came back too late.
func (o *outcome) observe(failure string, isEmpty bool, lost int64) {
	m, state := o.kv.handle.meter, o.kv.vu.State()
	if state == nil {
		return
	}
	var current metrics.TagsAndMeta
	if o.tags != nil {
		current = *o.tags
	} else {
		current = state.Tags.GetCurrentValues()
	}
	sets := m.tagsFor(current.Tags)
	tags := sets.of(o.method)
	b := batch{&o.kv.outbox, time.Now(), current.Metadata}
	if failure != "" {
		b.add(m.errors, tags.method.With("error_type", failure), 1)
	}
	if lost > 0 {
		b.add(m.claimsLost, tags.method, float64(lost))
	}
	if m.perCall {
		o.measure(&b, tags, failure != "", isEmpty)
		m.addInFlight(&b, sets)
	}
	o.kv.post(state)
}

// measure adds the samples that every call has with metrics.operations.
func (o *outcome) measure(b *batch, tags *methodTags, failed, isEmpty bool) {
	m := o.kv.handle.meter
	status := tags.succeeded
	if failed {
		status = tags.failed
	} else if o.method.Searches {
		b.add(m.empty, tags.method, metrics.B(isEmpty))
	}
	b.add(m.operations, status, 1)
	b.add(m.duration, status, metrics.D(b.time.Sub(o.started)))
	b.add(m.failed, tags.method, metrics.B(failed))
}

// observeRefusal counts a call of openKv that threw where there are metrics. There
// is no store that it could be tagged with.
func (i *instance) observeRefusal(code xkv.Code) {
	state := i.vu.State()
	if state == nil {
		return
	}
	current := state.Tags.GetCurrentValues()
	tags := current.Tags.With("op", "open_kv").With("error_type", code.Name())
	b := batch{&i.outbox, time.Now(), current.Metadata}
	b.add(i.metrics.errors, tags, 1)
	i.post(state)
}

// lost is how many of the claims that a call gave back, or renewed, had ended.
func (m *method) lost(reply *xkv.Reply) int64 {
	switch {
	case !m.givesBack:
		return 0
	case m.Reply == xkv.ReplyBoolean:
		return 1 - reply.Number
	default: // {attempted, …}, and the number is how many were not lost
		var object, attempted xkv.Item
		attempted.Read(object.Read(reply.Data))
		return attempted.Number - reply.Number
	}
}

// addInFlight tells how many calls wait, if that is news.
func (m *meter) addInFlight(b *batch, sets *tagSets) {
	waiting := m.inFlight.Load()
	if m.toldInFlight == waiting && m.toldWith == sets {
		return
	}
	m.toldInFlight, m.toldWith = waiting, sets
	b.add(m.metricSet.inFlight, sets.store, float64(waiting))
}

// depart and arrive count a call that waits. depart returns the tags that its
// samples will have, nil if there will be none. It does not hand over its own: it
// is followed by the call's.
func (i *instance) depart(m *meter) *metrics.TagsAndMeta {
	m.inFlight.Add(1)
	state := i.vu.State()
	if !m.perCall || state == nil {
		return nil
	}
	current := state.Tags.GetCurrentValues()
	m.addInFlight(&batch{&i.outbox, time.Now(), current.Metadata}, m.tagsFor(current.Tags))
	return &current
}

func (m *meter) arrive() { m.inFlight.Add(-1) }

// report emits the gauges of reportStats.
func (kv *kvObject) report(data []byte) {
	m, state := kv.handle.meter, kv.vu.State()
	if state == nil {
		return
	}
	numbers := make(map[string]float64)
	flatten(data, "", numbers)
	current := state.Tags.GetCurrentValues()
	b := batch{&kv.outbox, time.Now(), current.Metadata}
	for n, gauge := range gauges {
		number, there := numbers[gauge.path]
		if !there {
			continue
		}
		tags := m.tagsFor(current.Tags).store
		if gauge.index != "" {
			tags = tags.With("index", gauge.index)
		}
		b.add(m.gauges[n], tags, number)
	}
	kv.flush(state) // at once: k6 shows the one that comes last
}

// flatten notes the numbers in an item by their paths: "claims.live". It returns
// what follows the item.
func flatten(data []byte, path string, numbers map[string]float64) []byte {
	var item xkv.Item
	data = item.Read(data)
	path += string(item.Name)
	switch item.Kind {
	case xkv.ItemInteger:
		numbers[path] = float64(item.Number)
	case xkv.ItemFalse, xkv.ItemTrue:
		numbers[path] = metrics.B(item.Kind == xkv.ItemTrue)
	case xkv.ItemArray, xkv.ItemObject:
		if path != "" {
			path += "."
		}
		for range item.Number {
			data = flatten(data, path, numbers)
		}
	}
	return data
}

// snakeCase turns claimRandomMany into claim_random_many, and exportJSONL into
// export_jsonl: capitals that follow each other are one word.
func snakeCase(name string) string {
	var b strings.Builder
	capital := false
	for _, r := range name {
		if unicode.IsUpper(r) && !capital {
			b.WriteByte('_')
		}
		capital = unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
