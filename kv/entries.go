package kv

// From packed entries to arrays of {key, value}. In C, xkv_reply_next reads the
// same packing.

import (
	"encoding/binary"

	"github.com/grafana/sobek"
)

// Entries are read in blocks of about this size: their text becomes one Go
// string, so that a script that keeps one value keeps no more than that.
const blockSize = 32 << 10

// packedEntry is a key and a value, as they lie in a reply.
type packedEntry struct{ key, value []byte }

// nextEntry reads the first entry of data, and returns what follows it.
func nextEntry(data []byte) (packedEntry, []byte) {
	keyEnd := 8 + binary.NativeEndian.Uint32(data)
	end := keyEnd + binary.NativeEndian.Uint32(data[4:])
	return packedEntry{key: data[8:keyEnd], value: data[keyEnd:end]}, data[end:]
}

// entries appends a block of entries to list, and returns what follows it.
func (d *decoder) entries(list []any, data []byte, s serialization) ([]any, []byte, error) {
	if d.busy {
		return newDecoder(d.rt).entries(list, data, s)
	}
	defer d.release()
	end, err := d.loadEntries(data, s)
	if err != nil {
		return nil, nil, err
	}
	for at := 0; len(data) > end; {
		var packed packedEntry
		packed, data = nextEntry(data)
		key := d.plainString(at, at+len(packed.key))
		at += len(packed.key)
		value, err := d.entryValue(packed.value, at, s)
		if err != nil {
			return nil, nil, err
		}
		if s != serializationBinary {
			at += len(packed.value)
		}
		list = append(list, d.entry(key, value))
	}
	return list, data, nil
}

// loadEntries loads the text of a block of entries, and returns how many bytes
// of data are left behind it.
func (d *decoder) loadEntries(data []byte, s serialization) (rest int, err error) {
	d.block = d.block[:0]
	for len(data) > 0 && len(d.block) < blockSize {
		var packed packedEntry
		packed, data = nextEntry(data)
		d.block = append(d.block, packed.key...)
		if s != serializationBinary {
			d.block = append(d.block, packed.value...)
		}
	}
	return len(data), d.load(string(d.block))
}

// entryValue makes the value of an entry; at is its place in the loaded text.
func (d *decoder) entryValue(data []byte, at int, s serialization) (sobek.Value, error) {
	if s == serializationBinary {
		return d.binary(data), nil
	}
	return d.part(at, at+len(data), s)
}

// entry makes one {key, value}. As in decoded objects the prototype comes last,
// so that nothing a script did to Object.prototype gets in between.
func (d *decoder) entry(key, value sobek.Value) *sobek.Object {
	entry := d.rt.CreateObject(nil)
	_ = entry.Set("key", key)
	_ = entry.Set("value", value)
	_ = entry.SetPrototype(d.objectPrototype)
	return entry
}
