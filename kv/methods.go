package kv

import (
	"errors"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/metrics"

	"example.com/xk6-kv/xkv"
)

// method is one method of the KV object, made from a row of the library's
// table of commands. There is no code per method.
type method struct {
	xkv.Operation
	snakeName string    // as metrics call it
	hasKey    bool      // it is about one
	expects   bool      // what must be there,
	replaces  bool      // or stores a value
	givesBack bool      // claims, or renews them
	timeout   *argument // how long it may wait; nil if it does not
}

func newMethods(operations []xkv.Operation) []*method {
	methods := make([]*method, len(operations))
	for n, operation := range operations {
		m := &method{Operation: operation, snakeName: snakeCase(operation.Name)}
		for i := range m.Positional {
			switch m.Positional[i].Kind {
			case xkv.KindKey:
				m.hasKey = true
			case xkv.KindExpected:
				m.expects = true
			case xkv.KindValue:
				m.replaces = true
			case xkv.KindClaim, xkv.KindClaims:
				m.givesBack = true
			}
		}
		for i := range m.Fields {
			if m.Fields[i].Bit == xkv.Timeout {
				m.timeout = &m.Fields[i]
			}
		}
		methods[n] = m
	}
	return methods
}

// isPatient tells whether a call may wait for what is not there.
func (m *method) isPatient(r *request) bool {
	return m.timeout != nil && r.command.Number(m.timeout.Slot) > 0
}

// kvObject is a KV object that a script got from openKv.
type kvObject struct {
	*instance
	handle   *handle
	settings []xkv.Setting // what openKv was given
	closed   bool
}

// object makes the JavaScript object: a function per method, and close.
func (kv *kvObject) object() *sobek.Object {
	rt := kv.vu.Runtime()
	object := rt.NewObject()
	add := func(name string, function func(sobek.FunctionCall) sobek.Value) {
		value := rt.ToValue(function).(*sobek.Object)
		_ = value.DefineDataProperty("name", rt.ToValue(name),
			sobek.FLAG_FALSE, sobek.FLAG_TRUE, sobek.FLAG_FALSE)
		define(object, name, value)
	}
	for _, m := range kv.root.methods {
		add(m.Name, func(call sobek.FunctionCall) sobek.Value { return kv.call(m, call) })
	}
	add("close", func(sobek.FunctionCall) sobek.Value {
		kv.close()
		return sobek.Undefined()
	})
	return object
}

// close ends the use of this object. Calls that are under way are not affected.
func (kv *kvObject) close() {
	if kv.closed {
		return
	}
	kv.closed = true
	if kv.handle.store == nil {
		return
	}
	if kv.handle.users--; kv.handle.users == 0 {
		kv.handle.close()
	}
}

// call is what every method does: arguments to command, reply to promise.
func (kv *kvObject) call(m *method, call sobek.FunctionCall) sobek.Value {
	promise, resolve, reject := kv.vu.Runtime().NewPromise()
	o := outcome{kv: kv, method: m, resolve: resolve, reject: reject}
	if kv.handle.meter.perCall {
		o.started = time.Now()
	}
	r := kv.begin(m)
	err := kv.prepare(r, m, call)
	o.value, o.key = r.value, r.key
	switch {
	case err != nil:
		_ = o.fail(err)
	case kv.handle.waits[m.Op] || kv.handle.waiting > 0 || !kv.run(r, &o):
		kv.submit(r, o)
	}
	kv.end(r)
	kv.turn.call(&kv.root.turns)
	return kv.vu.Runtime().ToValue(promise)
}

// prepare reads a call's arguments, and enters the handle for it.
func (kv *kvObject) prepare(r *request, m *method, call sobek.FunctionCall) error {
	if m.Reply == xkv.ReplyReport && kv.vu.State() == nil {
		return &xkv.Error{Code: xkv.MetricsUnavailable, Message: m.Name +
			": there are no metrics in the init context; call it in setup(), teardown() or an iteration"}
	}
	if err := kv.readArguments(r, m, call); err != nil {
		return err
	}
	if kv.closed {
		return &xkv.Error{Code: xkv.StoreClosed, Message: m.Name +
			": this handle was closed by close(); k6 closes stores by itself when it ends"}
	}
	if kv.handle.store == nil {
		if err := kv.open(); err != nil {
			return err
		}
	}
	if m.isPatient(r) && kv.vu.State() == nil {
		return &xkv.Error{Code: xkv.InitContext, Message: m.Name +
			": with a timeout it may wait, and nobody changes anything at the top level; call it " +
			"in setup(), teardown() or an iteration"}
	}
	if !kv.handle.enter() {
		return &xkv.Error{Code: xkv.StoreClosed, Message: m.Name + ": the store is closed"}
	}
	if len(r.bad) > 0 {
		defer kv.handle.leave()
		return kv.badEntries(r, m)
	}
	return nil
}

// run does a call at once, unless it has to be queued: then it does nothing, and
// returns false. The handle has been entered.
func (kv *kvObject) run(r *request, o *outcome) bool {
	var reply xkv.Reply
	// What a script has put in the place of Reflect.set may run while the reply is
	// decoded, and make calls: those must not write over it.
	buffer := kv.buffer
	kv.buffer = nil
	defer func() {
		reply.Release()
		kv.buffer = buffer
	}()
	if kv.handle.store.Submit(&r.command, buffer, nil, 0, &reply) {
		return false
	}
	err := kv.whatIsBad(r, o.method, &reply)
	kv.handle.leave()
	if err != nil {
		_ = o.fail(err)
	} else {
		_ = o.settle(&reply)
	}
	return true
}

type settler = func(any) error

// outcome is what becomes of a call: its promise, and all that is needed to
// settle it.
type outcome struct {
	kv              *kvObject
	method          *method
	value           sobek.Value          // what an echo resolves to
	key             string               // of the command
	stack           []sobek.StackFrame   // of the call, nil if it is the current one
	started         time.Time            // zero if nobody wants to know
	tags            *metrics.TagsAndMeta // of the call, nil if they are the current ones
	resolve, reject settler
}

// settle resolves or rejects the promise.
func (o *outcome) settle(reply *xkv.Reply) error {
	if reply.Code != xkv.OK {
		return o.fail(&xkv.Error{Code: reply.Code, Message: string(reply.Data)})
	}
	result, err := o.kv.result(o.method, reply, o.value)
	var bad *unreadable
	switch {
	case errors.As(err, &bad):
		return o.fail(&xkv.Error{Code: xkv.ValueParse, Message: o.method.Name + ": " + bad.about(o.key)})
	case err != nil:
		return o.fail(&xkv.Error{Code: xkv.DiskStoreCorrupt, Message: o.method.Name + ": " + err.Error()})
	}
	if lost := o.method.lost(reply); lost > 0 || !o.started.IsZero() {
		o.observe("", reply.Number == 0, lost)
	}
	return o.resolve(result)
}

// fail rejects the promise.
func (o *outcome) fail(err error) error {
	o.observe(errorName(err), false, 0)
	return o.reject(o.kv.errors.from(err, o.stack))
}

// errorName is what metrics call an error. What a script's own code throws has
// any name or none.
func errorName(err error) string {
	var (
		thrown *sobek.Exception
		ours   *xkv.Error
	)
	switch {
	case errors.As(err, &thrown):
		return "Exception"
	case errors.As(err, &ours):
		return ours.Code.Name()
	default:
		return xkv.Internal.Name()
	}
}

// result is what a successful call resolves to.
func (kv *kvObject) result(m *method, reply *xkv.Reply, value sobek.Value) (sobek.Value, error) {
	rt := kv.vu.Runtime()
	switch m.Reply {
	case xkv.ReplyTrue:
		return rt.ToValue(true), nil
	case xkv.ReplyEcho:
		return value, nil
	case xkv.ReplyBoolean:
		return rt.ToValue(reply.Number != 0), nil
	case xkv.ReplyNumber:
		return rt.ToValue(reply.Number), nil
	case xkv.ReplyKey:
		return kv.decoder.key(reply.Data), nil
	case xkv.ReplyItems, xkv.ReplyFound:
		return kv.decoder.items(reply.Data, kv.handle.serialization)
	case xkv.ReplyReport:
		kv.report(reply.Data)
		return sobek.Undefined(), nil
	default:
		return kv.decoder.decode(reply.Data, kv.handle.serialization)
	}
}

// define sets an ordinary property of the object itself, whatever the script
// has done to Object.prototype.
func define(object *sobek.Object, name string, value sobek.Value) {
	_ = object.DefineDataProperty(name, value, sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_TRUE)
}
