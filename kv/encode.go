package kv

// From a value that a script passes to the bytes that are stored.
//
// JSON is written straight from the runtime's objects, byte for byte as
// JSON.stringify would, but for values that JSON.stringify drops or turns into
// null or {} without a word: those are refused, with the path to them.
//
// Reading an object can run script code: getters, toJSON, the traps of a
// Proxy. It may throw, change the object, call a method of this very module,
// or be interrupted. So an object is read in the order in which JSON.stringify
// reads it, nothing read before is trusted later, and an encoder that is busy
// leaves further values to another one.

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// serialization says how values are stored.
type serialization = xkv.Serialization

const (
	serializationJSON   = xkv.SerializationJSON
	serializationString = xkv.SerializationString
	serializationBinary = xkv.SerializationBinary
)

const (
	maxNesting  = 10_000
	keptBuffer  = 1 << 20 // buffers larger than this are not kept for reuse
	maxReentry  = 100     // encoders that wait for another's script code
	firstBuffer = 512
)

// maxSize is how many bytes the library takes as a value. It is a variable so
// that tests need not write that much.
var maxSize = 1 << 30

// encoder turns a virtual user's values into bytes.
type encoder struct {
	rt      *sobek.Runtime
	natives *natives
	buf     []byte
	open    []*sobek.Object // the objects and arrays being written, outermost first
	busy    bool
	inner   *encoder // for calls that a value's own code makes while this one is busy
	level   int      // how many encoders are busy around this one
}

func newEncoder(rt *sobek.Runtime) *encoder {
	return &encoder{rt: rt, natives: newNatives(rt)}
}

// encode returns the bytes to be stored for v; nil is an argument left out. They
// are valid until the next call. The error is a *serializerError, or the
// *sobek.Exception that the value's own code threw.
func (e *encoder) encode(v sobek.Value, s serialization) ([]byte, error) {
	if e.busy {
		return e.reenter(v, s)
	}
	if e.buf == nil {
		e.buf = make([]byte, 0, firstBuffer)
	}
	e.buf = e.buf[:0]

	err := e.write(v, s)
	data := e.buf
	if cap(data) > keptBuffer {
		e.buf = nil
	}
	if err != nil {
		return nil, finish(err)
	}
	return data, nil
}

func (e *encoder) reenter(v sobek.Value, s serialization) ([]byte, error) {
	if e.level == maxReentry {
		return nil, finish(refuse("is stored by the toJSON or getter of a value that is stored by "+
			"another one, and so on %d times", maxReentry))
	}
	if e.inner == nil {
		e.inner = &encoder{rt: e.rt, natives: e.natives, level: e.level + 1}
	}
	return e.inner.encode(v, s)
}

func (e *encoder) write(v sobek.Value, s serialization) error {
	switch s {
	case serializationString:
		return e.writeString(v)
	case serializationBinary:
		return e.writeBinary(v)
	default:
		return e.writeJSON(v)
	}
}

// guard runs what may run script code, and turns whatever goes wrong into an
// error. Only an interrupt goes on: it is meant for the whole virtual user.
func (e *encoder) guard(read func() error) (err error) {
	e.busy = true
	defer func() {
		e.busy = false
		clear(e.open)
		e.open = e.open[:0]
		if trouble := recover(); trouble != nil {
			err = recovered(trouble)
		}
	}()
	thrown := e.rt.Try(func() { err = read() })
	if thrown != nil {
		return thrown
	}
	return err
}

// recovered is what to say of a panic in the middle of script code.
func recovered(trouble any) *serializerError {
	var (
		cause, isError = trouble.(error)
		interrupt      *sobek.InterruptedError
		overflow       *sobek.StackOverflowError
	)
	switch {
	case isError && errors.As(cause, &interrupt):
		panic(trouble)
	case isError && errors.As(cause, &overflow):
		return refuse("cannot be read: its own code (a getter, toJSON or a Proxy) never ends")
	default:
		return refuse("cannot be read: %v", trouble)
	}
}

// Serialization "string".

func (e *encoder) writeString(v sobek.Value) error {
	switch typed := v.(type) {
	case sobek.String:
		return e.writeText(typed)
	case *sobek.Object:
		return e.guard(func() error { return e.writeTextOf(typed) })
	case *sobek.Symbol:
		return refuse("is a symbol, which cannot be stored")
	}
	switch {
	case v == nil || sobek.IsUndefined(v) || sobek.IsNull(v):
		return refuse(`is %s, which serialization "string" cannot hold; use serialization "json"`,
			describe(v))
	case sobek.IsNumber(v):
		if !isFinite(v.ToFloat()) {
			return refuse("is %s, which cannot be stored", v)
		}
		e.buf = appendNumber(e.buf, v.ToFloat())
	case sobek.IsBigInt(v):
		return refuse("is a BigInt, which cannot be stored")
	default:
		e.buf = append(e.buf, v.String()...)
	}
	return nil
}

func (e *encoder) writeText(s sobek.String) error {
	text, ok := exactText(s)
	if !ok {
		return refuse(`is a string with a lone surrogate, which UTF-8 cannot hold; use serialization "json"`)
	}
	e.buf = append(e.buf, text...)
	return nil
}

// writeTextOf writes the bytes of an ArrayBuffer or a view of one as text.
func (e *encoder) writeTextOf(o *sobek.Object) error {
	data, ok, err := e.natives.bytes(o)
	switch {
	case err != nil:
		return err
	case !ok:
		return e.refuseObject(o, "string")
	case !utf8.Valid(data):
		return refuse(`is %s of bytes that are not UTF-8; use serialization "binary"`, describe(o))
	}
	e.buf = append(e.buf, data...)
	return nil
}

func (e *encoder) refuseObject(o *sobek.Object, name string) error {
	kind := kindOf(o)
	if kind == kindObject && e.refuseDisguised(o) != nil {
		kind = kindFunction // one that nothing can hold
	}
	switch kind {
	case kindObject, kindArray, kindProxy, kindDate, kindBoxed, kindHost:
		hint := ""
		if name == "binary" && (kind == kindObject || kind == kindArray) {
			hint = ", with bytes inside of it encoded (b64encode of k6/encoding)"
		}
		return refuse(`is %s, which serialization %q cannot hold; use serialization "json"%s`,
			describe(o), name, hint)
	default:
		return refuse("is %s, which cannot be stored", describe(o))
	}
}

// Serialization "binary".

func (e *encoder) writeBinary(v sobek.Value) error {
	switch typed := v.(type) {
	case sobek.String:
		return e.writeText(typed)
	case *sobek.Object:
		return e.guard(func() error {
			data, ok, err := e.natives.bytes(typed)
			if err == nil && !ok {
				err = e.refuseObject(typed, "binary")
			}
			e.buf = append(e.buf, data...)
			return err
		})
	default:
		return refuse(`is %s; serialization "binary" holds strings, ArrayBuffers and typed arrays`,
			describe(v))
	}
}

// Serialization "json".

func (e *encoder) writeJSON(v sobek.Value) error {
	_, isObject := v.(*sobek.Object)
	if isObject || sobek.IsBigInt(v) {
		return e.guard(func() error { return e.outermost(v) })
	}
	if isNegativeZero(v) { // the one value that this keeps and JSON.stringify does not
		e.buf = append(e.buf, "-0"...)
		return nil
	}
	return e.outermost(v)
}

func (e *encoder) outermost(v sobek.Value) error {
	written, err := e.value(v, place{index: -1})
	if err == nil && !written {
		e.buf = append(e.buf, "null"...)
	}
	return err
}

// value writes v, and tells whether there was anything to write: undefined is
// left out.
func (e *encoder) value(v sobek.Value, at place) (written bool, err error) {
	if len(e.buf) > maxSize {
		return false, refuse("does not fit: as JSON this takes more than %d bytes", maxSize)
	}
	if o, ok := v.(*sobek.Object); ok {
		if callable, ok := sobek.AssertFunction(o.Get("toJSON")); ok {
			return e.final(e.call(callable, v, at))
		}
		return e.object(o)
	}
	if sobek.IsBigInt(v) {
		if callable, ok := sobek.AssertFunction(v.ToObject(e.rt).Get("toJSON")); ok {
			return e.final(e.call(callable, v, at))
		}
	}
	return e.final(v)
}

// call calls a toJSON as JSON.stringify does.
func (e *encoder) call(toJSON sobek.Callable, v sobek.Value, at place) sobek.Value {
	var key sobek.Value
	switch {
	case at.exact != nil:
		key = at.exact
	case at.index >= 0:
		key = e.rt.ToValue(indexName(at.index))
	default:
		key = e.rt.ToValue(at.name)
	}
	result, err := toJSON(v, key)
	if err != nil {
		panic(err) // caught by guard, like all that script code throws
	}
	return result
}

// final writes a value whose toJSON has been dealt with.
func (e *encoder) final(v sobek.Value) (written bool, err error) {
	switch typed := v.(type) {
	case nil:
		return false, nil
	case sobek.String:
		e.buf = appendQuoted(e.buf, typed)
		return true, nil
	case *sobek.Object:
		return e.object(typed)
	case *sobek.Symbol:
		return false, refuse("is a symbol, which JSON cannot hold")
	}
	switch {
	case sobek.IsNumber(v):
		f := v.ToFloat()
		if !isFinite(f) {
			return false, refuse("is %s, which JSON cannot hold", v)
		}
		e.buf = appendNumber(e.buf, f)
	case sobek.IsUndefined(v):
		return false, nil
	case sobek.IsBigInt(v):
		return false, refuse("is a BigInt, which JSON cannot hold; convert it to a number or a string")
	default: // null, true, false
		e.buf = append(e.buf, v.String()...)
	}
	return true, nil
}

// object writes an object of any kind.
func (e *encoder) object(o *sobek.Object) (written bool, err error) {
	switch kindOf(o) {
	case kindObject:
		if err := e.refuseDisguised(o); err != nil {
			return false, err
		}
		return true, e.members(o)
	case kindProxy, kindDate:
		return true, e.members(o)
	case kindArray:
		return true, e.elements(o)
	case kindBoxed:
		return e.final(e.unbox(o))
	case kindHost:
		return e.host(o)
	case kindMap:
		return false, refuse("is a Map, which JSON cannot hold; convert it with Object.fromEntries()")
	case kindSet:
		return false, refuse("is a Set, which JSON cannot hold; convert it with Array.from()")
	case kindPromise:
		return false, refuse("is a Promise, which JSON cannot hold; did you forget await?")
	case kindArrayBuffer, kindTypedArray:
		return false, e.refuseBytes(describe(o))
	default:
		return false, refuse("is %s, which JSON cannot hold", describe(o))
	}
}

// refuseBytes says what to do with bytes: inside of something else, serialization
// "binary" cannot hold them either.
func (e *encoder) refuseBytes(what string) error {
	if len(e.open) > 0 {
		return refuse("is %s, which JSON cannot hold; encode it, for example with b64encode of "+
			"k6/encoding", what)
	}
	return refuse(`is %s, which JSON cannot hold; use serialization "binary", or encode it, for `+
		`example with b64encode of k6/encoding`, what)
}

// hidden has what to store in place of objects whose content is hidden in them,
// so that JSON.stringify makes {} of them. The names are those of the runtime's
// own classes, which scripts cannot change.
var hidden = map[string]string{
	"Error":  "store {name: e.name, message: e.message}",
	"RegExp": "store its source",
}

// refuseDisguised refuses what looks like an instance of any class but is
// nothing that JSON could hold.
func (e *encoder) refuseDisguised(o *sobek.Object) error {
	if hint := hidden[o.ClassName()]; hint != "" {
		return refuse("is %s, which JSON cannot hold; %s", describe(o), hint)
	}
	if prototype := o.Prototype(); prototype == nil || prototype == e.natives.objectPrototype {
		return nil
	}
	switch tag(o) {
	case "WeakMap":
		return refuse("is a WeakMap, which JSON cannot hold")
	case "WeakSet":
		return refuse("is a WeakSet, which JSON cannot hold")
	case "Generator", "Array Iterator", "Map Iterator", "Set Iterator", "String Iterator",
		"RegExp String Iterator":
		return refuse("is an iterator, which JSON cannot hold; convert it with Array.from()")
	case "DataView":
		return e.refuseBytes("a DataView")
	}
	return nil
}

// tag returns what Object.prototype.toString would show of an object.
func tag(o *sobek.Object) string {
	if s, ok := o.GetSymbol(sobek.SymToStringTag).(sobek.String); ok {
		return s.String()
	}
	return ""
}

// members writes an object's own enumerable properties.
func (e *encoder) members(o *sobek.Object) error {
	if err := e.enter(o); err != nil {
		return err
	}
	e.buf = append(e.buf, '{')
	empty := len(e.buf)
	names := o.Keys()
	exact := e.natives.exactNames(o, names)
	isHost := kindOf(o) == kindHost
	for i, name := range names {
		at := place{index: -1, name: name}
		if exact != nil {
			at.exact = exact[i]
		}
		v := e.property(o, at)
		if isHost && isFunction(v) {
			continue // a method
		}
		start := len(e.buf)
		if start > empty {
			e.buf = append(e.buf, ',')
		}
		e.name(at)
		written, err := e.value(v, at)
		if err != nil {
			return within(err, at)
		}
		if !written {
			e.buf = e.buf[:start]
		}
	}
	e.buf = append(e.buf, '}')
	e.leave()
	return nil
}

func (e *encoder) property(o *sobek.Object, at place) sobek.Value {
	if at.exact != nil {
		return e.natives.property(o, at.exact)
	}
	return o.Get(at.name)
}

// name writes a property's name and the colon.
func (e *encoder) name(at place) {
	if at.exact != nil {
		e.buf = append(appendQuoted(e.buf, at.exact), ':')
		return
	}
	e.buf = append(e.buf, '"')
	e.buf = append(appendEscaped(e.buf, at.name), '"', ':')
}

// elements writes an array.
func (e *encoder) elements(array *sobek.Object) error {
	if err := e.enter(array); err != nil {
		return err
	}
	var length int64
	if v := array.Get("length"); v != nil {
		length = v.ToInteger()
	}
	if length > int64(maxSize)/2 { // each takes two bytes at least
		return refuse("is an array of %d elements, which is too long to be stored", length)
	}
	e.buf = append(e.buf, '[')
	for i := range length {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		at := place{index: i}
		written, err := e.value(array.Get(indexName(i)), at)
		if err != nil {
			return within(err, at)
		}
		if !written {
			e.buf = append(e.buf, "null"...)
		}
	}
	e.buf = append(e.buf, ']')
	e.leave()
	return nil
}

// enter begins an object or array.
func (e *encoder) enter(o *sobek.Object) error {
	if outer := slices.Index(e.open, o); outer >= 0 {
		refusal := refuse("refers back to")
		refusal.back = outer
		return refusal
	}
	if len(e.open) == maxNesting {
		return refuse("is nested deeper than %d levels", maxNesting)
	}
	e.open = append(e.open, o)
	return nil
}

func (e *encoder) leave() {
	last := len(e.open) - 1
	e.open[last] = nil // so that it can be collected
	e.open = e.open[:last]
}

// unbox returns the primitive that an object like new Number(1) stands for.
func (e *encoder) unbox(o *sobek.Object) sobek.Value {
	switch o.ClassName() {
	case "Number":
		return o.ToNumber()
	case "Boolean":
		if primitive, ok := o.Export().(bool); ok {
			return e.rt.ToValue(primitive)
		}
		return e.rt.ToValue(o.ToInteger() != 0)
	default:
		if s, ok := o.ToString().(sobek.String); ok {
			return s
		}
		return e.rt.ToValue(o.String())
	}
}

// host writes a Go value that k6 or one of its modules handed to the script.
func (e *encoder) host(o *sobek.Object) (written bool, err error) {
	switch typed := o.Export().(type) {
	case sobek.DynamicObject:
		return true, e.members(o)
	case sobek.JsonEncodable:
		encodable := e.rt.ToValue(typed.JsonEncodable())
		if o, ok := encodable.(*sobek.Object); ok && kindOf(o) == kindHost {
			return true, e.members(o) // it is asked once only
		}
		return e.final(encodable)
	case json.Marshaler:
		text, err := typed.MarshalJSON()
		if err == nil && !json.Valid(text) {
			err = errors.New("its MarshalJSON returned something else than JSON")
		}
		if err != nil {
			return false, refuse("cannot be read: %v", err)
		}
		e.buf = append(e.buf, text...)
		return true, nil
	}
	switch o.ClassName() {
	case "Number", "String", "Boolean":
		return e.final(e.unbox(o))
	}
	return true, e.members(o)
}

// indexNames saves making the names of array elements again and again.
var indexNames = func() (names [1024]string) {
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}()

func indexName(i int64) string {
	if i < int64(len(indexNames)) {
		return indexNames[i]
	}
	return strconv.FormatInt(i, 10)
}
