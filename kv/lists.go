package kv

// Arguments that are lists: keys, entries to be stored, claims that are given
// back. They are packed as items, straight from the script's objects.

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// eachElement calls do for each element of an array or another iterable. All of
// it may be script code, which may also never end.
func (kv *kvObject) eachElement(m *method, a *argument, list sobek.Value,
	do func(n int64, element sobek.Value) error,
) error {
	object, ok := list.(*sobek.Object)
	if !ok {
		return wrongType(m, a, list)
	}
	return kv.try(m, a, func() error {
		if kv.isPlainArray(object) {
			return eachIndex(object, do)
		}
		if !isFunction(object.GetSymbol(sobek.SymIterator)) {
			return wrongType(m, a, list)
		}
		return kv.eachIterated(object, do)
	})
}

// isPlainArray tells arrays that iterate as they are from those of classes and
// Proxies, which may do so in their own way.
func (i *instance) isPlainArray(object *sobek.Object) bool {
	if object.ExportType() != typeList || object.ClassName() != "Array" {
		return false
	}
	if i.arrayPrototype == nil {
		i.arrayPrototype = i.vu.Runtime().NewArray().Prototype()
	}
	return object.Prototype() == i.arrayPrototype
}

func eachIndex(array *sobek.Object, do func(int64, sobek.Value) error) error {
	length := array.Get("length").ToInteger()
	for n := range length {
		if err := do(n, array.Get(indexName(n))); err != nil {
			return err
		}
	}
	return nil
}

func (i *instance) eachIterated(iterable *sobek.Object, do func(int64, sobek.Value) error) error {
	var (
		n   int64
		err error
	)
	i.vu.Runtime().ForOf(iterable, func(element sobek.Value) bool {
		err = do(n, element)
		n++
		return err == nil
	})
	return err
}

// try runs what may run script code, and turns whatever goes wrong into an
// error. Only an interrupt goes on: it is meant for the whole virtual user.
func (i *instance) try(m *method, a *argument, read func() error) (err error) {
	defer func() {
		trouble := recover()
		if _, broken := trouble.(runtime.Error); broken {
			// The engine calls what is not there.
			err = invalid("%s: %s cannot be read: its iterator has no next method", m.Name, a.Name)
		} else if trouble != nil {
			err = invalid("%s: %s %s", m.Name, a.Name, recovered(trouble).reason)
		}
	}()
	thrown := i.vu.Runtime().Try(func() { err = read() })
	if thrown != nil {
		return thrown
	}
	return err
}

// maxItems is how many bytes a list may take. It is a variable so that tests
// need not write that much.
var maxItems = xkv.ItemsMax

// checkRoom limits how long a list may be.
func (r *request) checkRoom(m *method, a *argument, size int) error {
	if len(r.items)+size > maxItems {
		return invalid("%s: %s are more than the %d bytes that a call may have", m.Name, a.Name,
			maxItems)
	}
	return nil
}

func (kv *kvObject) readKeys(r *request, m *method, a *argument, v sobek.Value) error {
	err := kv.eachElement(m, a, v, func(n int64, element sobek.Value) error {
		key, ok := keyText(element)
		if !ok {
			return invalid("%s: %s[%d] must be a string; it is %s", m.Name, a.Name, n,
				describe(element))
		}
		r.items = xkv.AppendKey(r.items, key)
		return r.checkRoom(m, a, 0)
	})
	r.command.SetBytes(a.Slot, r.items)
	return err
}

// Claims that are given back.

func (kv *kvObject) readClaim(r *request, m *method, a *argument, v sobek.Value) error {
	err := kv.try(m, a, func() error { return r.addClaim(m, a, -1, v) })
	r.command.SetBytes(a.Slot, r.items)
	return err
}

func (kv *kvObject) readClaims(r *request, m *method, a *argument, v sobek.Value) error {
	err := kv.eachElement(m, a, v, func(n int64, element sobek.Value) error {
		if err := r.addClaim(m, a, n, element); err != nil {
			return err
		}
		return r.checkRoom(m, a, 0)
	})
	r.command.SetBytes(a.Slot, r.items)
	return err
}

// addClaim packs a claim, or a copy of one: of an object all else is ignored. n
// is its place in a list, or -1.
func (r *request) addClaim(m *method, a *argument, n int64, v sobek.Value) error {
	object, ok := v.(*sobek.Object)
	if !ok || kindOf(object) == kindArray || kindOf(object) == kindPromise {
		return badClaim(m, a, n, "", "a claim {id, key, token}, as one that claimRandom() gave", v)
	}
	v = object.Get("id")
	id, ok := keyText(v)
	if !ok {
		return badClaim(m, a, n, ".id", "a string", v)
	}
	v = object.Get("key")
	key, ok := keyText(v)
	if !ok {
		return badClaim(m, a, n, ".key", "a string", v)
	}
	v = object.Get("token")
	token, ok := integer(v)
	if !ok || token < 1 || token >= maxExact {
		return badClaim(m, a, n, ".token", "a positive integer", v)
	}
	r.items = xkv.AppendClaim(r.items, id, key, token)
	return nil
}

func badClaim(m *method, a *argument, n int64, field, is string, v sobek.Value) error {
	place := ""
	if n >= 0 {
		place = fmt.Sprintf("[%d]", n)
	}
	return invalid("%s: %s%s%s must be %s; it is %s", m.Name, a.Name, place, field, is, describe(v))
}

// Entries.

// badEntry is one that setMany cannot store.
type badEntry struct {
	at    int // which of the object's properties it is
	key   sobek.Value
	cause *xkv.Error
}

// readEntries packs the properties of a plain object. What cannot be packed is
// noted as bad.
func (kv *kvObject) readEntries(r *request, m *method, a *argument, v sobek.Value) error {
	object, ok := v.(*sobek.Object)
	if !ok {
		return wrongType(m, a, v)
	}
	err := kv.try(m, a, func() error {
		if !isPlain(object) {
			return wrongType(m, a, v)
		}
		names := object.Keys()
		exact := kv.encoder.natives.exactNames(object, names)
		for n, name := range names {
			at := place{index: -1, name: name}
			if exact != nil {
				at.exact = exact[n]
			}
			if err := kv.readEntry(r, m, a, object, n, at); err != nil {
				return err
			}
		}
		return nil
	})
	r.command.SetBytes(a.Slot, r.items)
	return err
}

// readEntry packs a property. The value of a bad key is not looked at.
func (kv *kvObject) readEntry(r *request, m *method, a *argument, object *sobek.Object, n int,
	at place,
) error {
	key, ok := at.text()
	if !ok {
		r.bad = append(r.bad, badEntry{n, at.exact, &xkv.Error{
			Code: xkv.InvalidOptions, Message: "the key is a string with a lone surrogate"}})
		return nil
	}
	var data []byte
	if !isNoKey(key) {
		var err error
		data, err = kv.encoder.encode(kv.encoder.property(object, at), kv.handle.serialization)
		if refusal, ok := err.(*serializerError); ok {
			r.bad = append(r.bad, badEntry{n, kv.vu.Runtime().ToValue(key),
				&xkv.Error{Code: xkv.Serializer, Message: refusal.Message}})
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := r.checkRoom(m, a, len(key)+len(data)); err != nil {
		return err
	}
	r.items = xkv.AppendEntry(r.items, key, data)
	return nil
}

// whatIsBad says more about a call that has been refused for its entries; nil if
// there is no more to say.
func (kv *kvObject) whatIsBad(r *request, m *method, reply *xkv.Reply) error {
	isRefused := reply.Code == xkv.InvalidOptions || reply.Code == xkv.Serializer
	if !isRefused || len(m.Positional) == 0 || m.Positional[0].Kind != xkv.KindEntries {
		return nil
	}
	return kv.badEntries(r, m)
}

// badEntries tells of each entry that cannot be stored, in the order of the
// object; nil if there is none.
func (kv *kvObject) badEntries(r *request, m *method) error {
	var (
		item  xkv.Item
		all   []badEntry
		noted = r.bad
		total = 0
	)
	for data := r.items; len(data) > 0 || len(noted) > 0; total++ {
		if len(noted) > 0 && noted[0].at == total {
			all, noted = append(all, noted[0]), noted[1:]
			continue
		}
		data = item.Read(data)
		err := kv.handle.store.CheckEntry(item.Text, item.Value)
		var cause *xkv.Error
		if errors.As(err, &cause) {
			all = append(all, badEntry{total, kv.decoder.key(item.Text), cause})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &entriesError{
		summary: xkv.Error{Code: xkv.InvalidOptions, Message: fmt.Sprintf(
			"%s: %d of %d entries cannot be stored; the first is %s: %s", m.Name, len(all), total,
			quote(all[0].key.String()), all[0].cause.Message)},
		entries: all,
	}
}
