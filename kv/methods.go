package kv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// method is one method of the KV object, made from a row of the library's
// table of commands. There is no code per method.
type method struct {
	xkv.Operation
	fields []field
}

func newMethods(operations []xkv.Operation) []*method {
	methods := make([]*method, len(operations))
	for n, operation := range operations {
		methods[n] = &method{Operation: operation, fields: newFields(operation.Fields)}
	}
	return methods
}

// kvObject is a KV object that a script got from openKv.
type kvObject struct {
	*instance
	handle *handle
	closed bool
}

// newKV makes the JavaScript object: a function per method, and close.
func newKV(i *instance, h *handle) *sobek.Object {
	rt := i.vu.Runtime()
	object := rt.NewObject()
	kv := &kvObject{instance: i, handle: h}
	h.users++
	add := func(name string, function func(sobek.FunctionCall) sobek.Value) {
		value := rt.ToValue(function).(*sobek.Object)
		_ = value.DefineDataProperty("name", rt.ToValue(name),
			sobek.FLAG_FALSE, sobek.FLAG_TRUE, sobek.FLAG_FALSE)
		define(object, name, value)
	}
	for _, m := range i.root.methods {
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
	if kv.handle.users--; kv.handle.users == 0 {
		kv.handle.close()
	}
}

// call is what every method does: arguments to command, reply to promise.
func (kv *kvObject) call(m *method, call sobek.FunctionCall) sobek.Value {
	promise, resolve, reject := kv.vu.Runtime().NewPromise()
	value := call.Argument(1)

	command, err := kv.readArguments(m, call)
	if err == nil && (kv.closed || !kv.handle.enter()) {
		err = &xkv.Error{Code: xkv.StoreClosed, Message: m.Name + ": the store is closed"}
	}
	if err != nil {
		_ = reject(kv.errors.from(err))
		return kv.vu.Runtime().ToValue(promise)
	}
	// Nothing can be queued unless the store has a writer to queue for.
	if kv.handle.waits && (!m.Reads || kv.handle.waiting > 0) {
		kv.submit(m, &command, value, resolve, reject)
	} else {
		var reply xkv.Reply
		kv.handle.store.Submit(&command, kv.buffer, kv.root.pending.queue, 0, &reply)
		kv.handle.leave()
		kv.settle(m, &reply, value, nil, resolve, reject)
		reply.Release()
	}
	return kv.vu.Runtime().ToValue(promise)
}

// readArguments reads positional arguments and options. The value comes last:
// what it is encoded to must not be overwritten by a call that a getter makes.
func (kv *kvObject) readArguments(m *method, call sobek.FunctionCall) (xkv.Command, error) {
	command := xkv.Command{Op: m.Op}
	next := 0
	if m.Arguments&xkv.Key != 0 {
		key, ok := keyText(call.Argument(0))
		if !ok {
			return command, invalid("%s: key must be a string that is not empty; it is %s", m.Name,
				describe(call.Argument(0)))
		}
		command.Key = key
		next++
	}
	if m.Arguments&xkv.Delta != 0 {
		delta, ok := integer(call.Argument(next))
		if !ok {
			return command, &xkv.Error{Code: xkv.ValueNumber, Message: fmt.Sprintf(
				"%s: delta must be an integer; it is %s", m.Name, describe(call.Argument(next)))}
		}
		command.Delta = delta
		next++
	}
	value := call.Argument(next)
	if m.Arguments&xkv.Value != 0 {
		next++
	}
	if len(m.fields) > 0 {
		if err := kv.readFields(m, &command, call.Argument(next)); err != nil {
			return command, err
		}
	}
	if m.Arguments&xkv.Value == 0 {
		return command, nil
	}
	var (
		err     error
		refusal *serializerError
	)
	command.Value, err = kv.encoder.encode(value, kv.handle.serialization)
	if errors.As(err, &refusal) {
		err = &xkv.Error{
			Code:    xkv.Serializer,
			Message: fmt.Sprintf("%s %s: %s", m.Name, quote(command.Key), refusal.Message),
		}
	}
	return command, err
}

// quote shows a key in a message, cut if it is long.
func quote(key string) string {
	const shown = 60
	if len(key) <= shown {
		return strconv.Quote(key)
	}
	return strconv.Quote(strings.ToValidUTF8(key[:shown], "")) + "…"
}

type settler = func(any) error

// settle resolves or rejects a call's promise. stack is the call's, nil if it
// is the current one.
func (kv *kvObject) settle(m *method, reply *xkv.Reply, value sobek.Value,
	stack []sobek.StackFrame, resolve, reject settler,
) error {
	if reply.Code != xkv.OK {
		return reject(kv.failure(reply.Code, string(reply.Data), stack))
	}
	result, err := kv.result(m, reply, value)
	if err != nil {
		return reject(kv.failure(xkv.DiskStoreCorrupt, m.Name+": "+err.Error(), stack))
	}
	return resolve(result)
}

func (kv *kvObject) failure(code xkv.Code, message string, stack []sobek.StackFrame) sobek.Value {
	if stack == nil {
		return kv.errors.make(code, message)
	}
	return kv.errors.makeAt(code, message, stack)
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
	case xkv.ReplyEntries:
		list, err := kv.entries(reply)
		return rt.NewArray(list...), err
	case xkv.ReplyEntry:
		list, err := kv.entries(reply)
		if err != nil || len(list) == 0 {
			return sobek.Null(), err
		}
		return rt.ToValue(list[0]), nil
	default:
		return kv.decoder.decode(reply.Data, kv.handle.serialization)
	}
}

// entries makes {key, value} of each entry.
func (kv *kvObject) entries(reply *xkv.Reply) ([]any, error) {
	list := make([]any, 0, reply.Number)
	for data := reply.Data; len(data) > 0; {
		var err error
		if list, data, err = kv.decoder.entries(list, data, kv.handle.serialization); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// define sets an ordinary property of the object itself, whatever the script
// has done to Object.prototype.
func define(object *sobek.Object, name string, value sobek.Value) {
	_ = object.DefineDataProperty(name, value, sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_TRUE)
}
