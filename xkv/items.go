//go:build cgo

package xkv

// Items as they lie in replies and commands; include/xkv.h has the packing.
// Many are read per call, so they are read here, without C.

import "encoding/binary"

// Item is a null, a boolean, a number, a text or value, an entry, or the head
// of an array or object, whose members follow it.
type Item struct {
	Kind   ItemKind
	Name   []byte // empty if it has none
	Number int64  // an integer; how many members
	Text   []byte // a text; the key of an entry
	Value  []byte // a value, also that of an entry
}

// Read reads the first item of data, and returns what follows it. The item
// points into data.
func (i *Item) Read(data []byte) (rest []byte) {
	kind, end := ItemKind(data[0]), 2+int(data[1])
	*i = Item{Kind: kind, Name: data[2:end]}
	data = data[end:]
	switch kind {
	case ItemInteger:
		// #nosec G115 -- C has the same bits as an int64_t
		i.Number = int64(binary.NativeEndian.Uint64(data))
		return data[8:]
	case ItemText:
		end := 4 + int(binary.NativeEndian.Uint32(data))
		i.Text = data[4:end]
		return data[end:]
	case ItemValue:
		end := 4 + int(binary.NativeEndian.Uint32(data))
		i.Value = data[4:end]
		return data[end:]
	case ItemEntry:
		middle := 8 + int(binary.NativeEndian.Uint32(data))
		end := middle + int(binary.NativeEndian.Uint32(data[4:]))
		i.Text, i.Value = data[8:middle], data[middle:end]
		return data[end:]
	case ItemArray, ItemObject:
		i.Number = int64(binary.NativeEndian.Uint32(data))
		return data[4:]
	default:
		return data
	}
}

// AppendKey appends a key to a list of keys.
func AppendKey(items []byte, key string) []byte {
	return AppendEntry(items, key, nil)
}

// AppendEntry appends a key with its value to a list of entries.
func AppendEntry(items []byte, key string, value []byte) []byte {
	keyLen, valueLen := fitting(len(key)), fitting(len(value))
	items = append(appendEntryHead(items, keyLen, valueLen), key[:keyLen]...)
	return append(items, value[:valueLen]...)
}

// AppendClaim appends a claim that is given back.
func AppendClaim(items []byte, id, key string, token int64) []byte {
	const tokenSize = 8
	keyLen, idLen := fitting(len(key)), fitting(len(id))
	items = append(appendEntryHead(items, keyLen, tokenSize+idLen), key[:keyLen]...)
	// #nosec G115 -- C has the same bits as an int64_t
	items = binary.NativeEndian.AppendUint64(items, uint64(token))
	return append(items, id[:idLen]...)
}

func appendEntryHead(items []byte, keyLen, valueLen uint32) []byte {
	items = append(items, byte(ItemEntry), 0)
	items = binary.NativeEndian.AppendUint32(items, keyLen)
	return binary.NativeEndian.AppendUint32(items, valueLen)
}

func fitting(n int) uint32 {
	if n < 0 || n > mostBytes {
		return mostBytes
	}
	return uint32(n)
}
