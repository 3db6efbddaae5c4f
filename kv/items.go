package kv

// From the items of a reply to the arrays and objects that scripts get.
//
// The shape of a reply is in the reply itself: nothing here knows what any
// method returns.

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// The text of items is loaded in blocks of about this size, each of which
// becomes one Go string, so that a script that keeps one value keeps no more
// than that.
const blockSize = 32 << 10

// itemReader makes values of items, one after the other.
type itemReader struct {
	*decoder
	serialization serialization
	data          []byte // what has not been read yet
	notLoaded     int    // how many bytes at the end of data have no text loaded
	textAt        int    // where the text of the next item begins
	key           []byte // the last one that was read, in case its value cannot be
}

// items makes the value that a reply holds.
func (d *decoder) items(data []byte, s serialization) (sobek.Value, error) {
	if d.busy {
		d = newDecoder(d.rt)
	}
	defer d.release()
	r := itemReader{decoder: d, serialization: s, data: data, notLoaded: len(data)}
	var item xkv.Item
	if err := r.next(&item); err != nil {
		return nil, err
	}
	return r.value(&item)
}

// next reads an item.
func (r *itemReader) next(item *xkv.Item) error {
	if len(r.data) == r.notLoaded {
		if err := r.loadBlock(); err != nil {
			return err
		}
	}
	r.data = item.Read(r.data)
	return nil
}

// loadBlock loads the text of the items that come next.
func (r *itemReader) loadBlock() error {
	var item xkv.Item
	r.block, r.textAt = r.block[:0], 0
	rest := r.data
	for len(rest) > 0 && len(r.block) < blockSize {
		rest = item.Read(rest)
		r.block = append(r.block, item.Text...)
		if r.serialization != serializationBinary {
			r.block = append(r.block, item.Value...)
		}
	}
	r.notLoaded = len(rest)
	return r.load(string(r.block))
}

// value makes a value of an item that has been read, and of its members.
func (r *itemReader) value(item *xkv.Item) (sobek.Value, error) {
	switch item.Kind {
	case xkv.ItemFalse:
		return r.no, nil
	case xkv.ItemTrue:
		return r.yes, nil
	case xkv.ItemInteger:
		return r.rt.ToValue(item.Number), nil
	case xkv.ItemText:
		if string(item.Name) == "key" {
			r.key = item.Text
		}
		return r.text(item.Text), nil
	case xkv.ItemValue:
		return r.stored(item.Value)
	case xkv.ItemEntry:
		return r.entry(item)
	case xkv.ItemArray:
		return r.array(item.Number)
	case xkv.ItemObject:
		return r.object(item.Number)
	default:
		return sobek.Null(), nil
	}
}

func (r *itemReader) text(data []byte) sobek.Value {
	start := r.textAt
	r.textAt += len(data)
	return r.plainString(start, r.textAt)
}

// stored makes a value of the store.
func (r *itemReader) stored(data []byte) (sobek.Value, error) {
	if r.serialization == serializationBinary {
		return r.binary(data), nil
	}
	start := r.textAt
	r.textAt += len(data)
	v, err := r.part(start, r.textAt, r.serialization)
	if err != nil {
		return nil, &unreadable{string(r.key), err}
	}
	return v, nil
}

// entry makes a {key, value}. As in decoded objects the prototype comes last,
// so that nothing a script did to Object.prototype gets in between.
func (r *itemReader) entry(item *xkv.Item) (sobek.Value, error) {
	key := r.text(item.Text)
	r.key = item.Text
	value, err := r.stored(item.Value)
	if err != nil {
		return nil, err
	}
	entry := r.rt.CreateObject(nil)
	_ = entry.Set("key", key)
	_ = entry.Set("value", value)
	return entry, entry.SetPrototype(r.objectPrototype)
}

func (r *itemReader) array(length int64) (sobek.Value, error) {
	var item xkv.Item
	elements := make([]any, length)
	for i := range elements {
		if err := r.next(&item); err != nil {
			return nil, err
		}
		element, err := r.value(&item)
		if err != nil {
			return nil, err
		}
		elements[i] = element
	}
	return r.rt.NewArray(elements...), nil
}

func (r *itemReader) object(members int64) (sobek.Value, error) {
	var item xkv.Item
	object := r.rt.CreateObject(nil)
	for range members {
		if err := r.next(&item); err != nil {
			return nil, err
		}
		name := intern(item.Name)
		member, err := r.value(&item)
		if err != nil {
			return nil, err
		}
		_ = object.Set(name, member)
	}
	return object, object.SetPrototype(r.objectPrototype)
}

// The names of properties are few and come again and again, in all virtual
// users: each is made a string once. The map is replaced, never changed.
var (
	names     atomic.Pointer[map[string]string]
	namesLock sync.Mutex
)

func init() { names.Store(&map[string]string{}) }

func intern(name []byte) string {
	if known, ok := (*names.Load())[string(name)]; ok {
		return known
	}
	namesLock.Lock()
	defer namesLock.Unlock()
	more := maps.Clone(*names.Load())
	more[string(name)] = string(name)
	names.Store(&more)
	return string(name)
}
