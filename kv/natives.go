package kv

// What the runtime's Go interface lacks, by the runtime's own functions: names
// that Go cannot hold, and the bytes behind ArrayBuffers and views of them.

import (
	"errors"
	"slices"

	"github.com/grafana/sobek"
)

// natives are the runtime's own functions for what its Go interface lacks. They
// must be called inside of Runtime.Try. All are needed rarely, and looked up
// when they are: the runtime makes its built-in objects on first use, and there
// may be thousands of runtimes.
type natives struct {
	rt              *sobek.Runtime
	objectPrototype *sobek.Object
	keys            native // Object.keys
	get             native // Reflect.get
	typedArray      *view
	dataView        *view
}

type native = func(sobek.FunctionCall) sobek.Value

// view holds the getters of all typed arrays, or of DataView.
type view struct{ buffer, byteOffset, byteLength native }

func newNatives(rt *sobek.Runtime) *natives {
	return &natives{rt: rt, objectPrototype: rt.NewObject().Prototype()}
}

// find returns a property of a global object.
func (n *natives) find(object, name string) sobek.Value {
	return propertyOf(n.rt.GlobalObject().Get(object), name)
}

func propertyOf(v sobek.Value, name string) sobek.Value {
	if o, ok := v.(*sobek.Object); ok {
		return o.Get(name)
	}
	return nil
}

func isFunction(v sobek.Value) bool {
	_, callable := sobek.AssertFunction(v)
	return callable
}

func asNative(v sobek.Value) native {
	if !isFunction(v) {
		return nil
	}
	function, _ := v.Export().(native)
	return function
}

// exactNames returns the names that Object.Keys returned once more, as the
// strings that they are; nil if Go can hold all of them. A name that has come
// or gone since stays as it was.
func (n *natives) exactNames(o *sobek.Object, names []string) []sobek.String {
	if !slices.ContainsFunc(names, isInexact) {
		return nil
	}
	exact := make([]sobek.String, len(names))
	if n.keys == nil {
		n.keys = asNative(n.find("Object", "keys"))
	}
	if n.keys == nil {
		return exact
	}
	array := n.keys(sobek.FunctionCall{Arguments: []sobek.Value{o}})
	for i := range names {
		key, ok := propertyOf(array, indexName(int64(i))).(sobek.String)
		if ok && key.String() == names[i] && isInexact(names[i]) {
			exact[i] = key
		}
	}
	return exact
}

// property gets a property by its exact name.
func (n *natives) property(o *sobek.Object, name sobek.String) sobek.Value {
	if n.get == nil {
		n.get = asNative(n.find("Reflect", "get"))
	}
	if n.get == nil {
		return o.Get(name.String())
	}
	return n.get(sobek.FunctionCall{Arguments: []sobek.Value{o, name}})
}

// bytes returns the bytes behind an ArrayBuffer, typed array or DataView; false
// for other objects. They belong to the script.
func (n *natives) bytes(o *sobek.Object) (data []byte, ok bool, err error) {
	kind := kindOf(o)
	switch {
	case kind == kindArrayBuffer:
		data, err = bufferBytes(o)
		return data, true, err
	case kind == kindTypedArray:
		if n.typedArray == nil {
			if prototype, ok := n.find("Uint8Array", "prototype").(*sobek.Object); ok {
				n.typedArray = n.newView(prototype.Prototype())
			}
		}
		data, err = n.typedArray.bytes(o)
		return data, true, err
	case kind == kindObject && o.Prototype() != n.objectPrototype && tag(o) == "DataView":
		if n.dataView == nil {
			prototype, _ := n.find("DataView", "prototype").(*sobek.Object)
			n.dataView = n.newView(prototype)
		}
		data, err = n.dataView.bytes(o)
		return data, true, err
	case o.ExportType() == typeBytes: // Go's []byte, from k6 or one of its modules
		data, ok = o.Export().([]byte)
		return data, ok, nil
	}
	return nil, false, nil
}

func (n *natives) newView(prototype *sobek.Object) *view {
	descriptor := asNative(n.find("Object", "getOwnPropertyDescriptor"))
	if prototype == nil || descriptor == nil {
		return nil
	}
	getter := func(name string) native {
		found := descriptor(sobek.FunctionCall{Arguments: []sobek.Value{prototype, n.rt.ToValue(name)}})
		return asNative(propertyOf(found, "get"))
	}
	v := &view{getter("buffer"), getter("byteOffset"), getter("byteLength")}
	if v.buffer == nil || v.byteOffset == nil || v.byteLength == nil {
		return nil
	}
	return v
}

var errUnreadable = errors.New("the script has replaced the built-in objects that it is read with")

func (v *view) bytes(o *sobek.Object) ([]byte, error) {
	if v == nil {
		return nil, refuse("cannot be read: %v", errUnreadable)
	}
	call := sobek.FunctionCall{This: o}
	buffer, ok := v.buffer(call).(*sobek.Object)
	if !ok {
		return nil, refuse("cannot be read: %v", errUnreadable)
	}
	data, err := bufferBytes(buffer)
	if err != nil {
		return nil, err
	}
	offset := v.byteOffset(call).ToInteger()
	length := v.byteLength(call).ToInteger()
	if offset < 0 || length < 0 || offset > int64(len(data)) || length > int64(len(data))-offset {
		return nil, refuse("cannot be read: %v", errUnreadable)
	}
	return data[offset:][:length], nil
}

func bufferBytes(o *sobek.Object) ([]byte, error) {
	buffer, ok := o.Export().(sobek.ArrayBuffer)
	switch {
	case !ok:
		return nil, refuse("cannot be read: %v", errUnreadable)
	case buffer.Detached():
		return nil, refuse("is a detached ArrayBuffer, or a view of one")
	}
	return buffer.Bytes(), nil
}
