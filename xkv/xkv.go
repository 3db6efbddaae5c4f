//go:build cgo

// Package xkv binds libxkv, the store in C. It holds no data and no rules: it
// hands commands over and takes replies back, with exactly one crossing into C
// per call. What the calls mean stands in include/xkv.h.
package xkv

/*
#cgo CFLAGS: -I${SRCDIR}/include -I${SRCDIR}/src -std=c11
#cgo pkg-config: lmdb libxxhash
#cgo LDFLAGS: -lpthread
#cgo noescape xkvgo_submit
#cgo nocallback xkvgo_submit

#include <stdlib.h>
#include "xkv.h"

// A reply without pointers, as far as Go's checks are concerned.
typedef struct {
	int32_t pending, status;
	int64_t number;
	uintptr_t data, owned;
	size_t len;
} xkvgo_result;

// The command is put together here, on the C stack: Go must not hand over
// memory that holds pointers to other Go memory.
static void xkvgo_submit(xkv_store *store, int op, const char *key, size_t key_len,
                         const char *value, size_t value_len, const char *prefix,
                         size_t prefix_len, int64_t limit, int64_t delta, xkv_queue *queue,
                         uint64_t tag,
                         void *buffer, size_t buffer_size, xkvgo_result *result) {
	xkv_command command = {op,    {key, key_len}, {value, value_len}, {prefix, prefix_len},
	                       limit, delta};
	xkv_reply reply;

	xkv_reply_init(&reply, buffer, buffer_size);
	result->pending = xkv_submit(store, &command, &reply, queue, tag) == XKV_PENDING;
	result->status = reply.status;
	result->number = reply.number;
	result->data = (uintptr_t)reply.data;
	result->owned = (uintptr_t)reply.owned;
	result->len = reply.len;
}

static void xkvgo_free(uintptr_t owned) {
	xkv_reply reply;

	xkv_reply_init(&reply, NULL, 0);
	reply.owned = (void *)owned;
	xkv_reply_clear(&reply);
}
*/
import "C"

import (
	"bytes"
	"strings"
	"unsafe"
)

// Code is an error code of the library; 0 is success.
type Code int

// Name is the error's name as scripts see it.
func (c Code) Name() string { return C.GoString(C.xkv_error_name(C.int(c))) }

// The codes that are raised on the Go side.
const (
	OK               Code = C.XKV_OK
	InvalidOptions   Code = C.XKV_E_INVALID_OPTIONS
	InitContext      Code = C.XKV_E_INIT_CONTEXT
	Serializer       Code = C.XKV_E_SERIALIZER
	ValueNumber      Code = C.XKV_E_VALUE_NUMBER_REQUIRED
	StoreClosed      Code = C.XKV_E_STORE_CLOSED
	StoreFull        Code = C.XKV_E_STORE_FULL
	DiskStoreCorrupt Code = C.XKV_E_DISK_STORE_CORRUPT
	Internal         Code = C.XKV_E_INTERNAL
)

// Error is a failure with the library's own words.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Code.Name() + ": " + e.Message }

// Argument is one of the arguments that a command takes, as a bit.
type Argument uint

// The arguments of commands.
const (
	Key    Argument = C.XKV_ARG_KEY
	Value  Argument = C.XKV_ARG_VALUE
	Prefix Argument = C.XKV_ARG_PREFIX
	Limit  Argument = C.XKV_ARG_LIMIT
	Delta  Argument = C.XKV_ARG_DELTA
)

// Name is the argument's name as scripts see it.
func (a Argument) Name() string {
	name := C.xkv_argument_name(C.uint(a))
	if name == nil {
		return ""
	}
	return C.GoString(name)
}

// ReplyKind says what the reply of a command holds.
type ReplyKind int

// The kinds of replies.
const (
	ReplyTrue    ReplyKind = C.XKV_REPLY_TRUE
	ReplyEcho    ReplyKind = C.XKV_REPLY_ECHO
	ReplyBoolean ReplyKind = C.XKV_REPLY_BOOLEAN
	ReplyNumber  ReplyKind = C.XKV_REPLY_NUMBER
	ReplyValue   ReplyKind = C.XKV_REPLY_VALUE
	ReplyKey     ReplyKind = C.XKV_REPLY_KEY
	ReplyEntries ReplyKind = C.XKV_REPLY_ENTRIES
	ReplyEntry   ReplyKind = C.XKV_REPLY_ENTRY
)

// Operation is a row of the library's table of commands.
type Operation struct {
	Op        int
	Name      string
	Arguments Argument // positional, in the order of the bits
	Fields    Argument // of the options argument behind them
	Reads     bool
	Reply     ReplyKind
}

// Operations returns the table of commands.
func Operations() []Operation {
	operations := make([]Operation, C.XKV_OP_END)
	for op := range operations {
		info := C.xkv_op_describe(C.int(op))
		operations[op] = Operation{
			Op:        op,
			Name:      C.GoString(info.name),
			Arguments: Argument(info.arguments),
			Fields:    Argument(info.fields),
			Reads:     info.access == C.XKV_ACCESS_READ,
			Reply:     ReplyKind(info.reply),
		}
	}
	return operations
}

// OptionNames returns the names of all options of a store.
func OptionNames() []string {
	var names []string
	for i := C.size_t(0); ; i++ {
		name := C.xkv_option_name(i)
		if name == nil {
			return names
		}
		names = append(names, C.GoString(name))
	}
}

// Nearest returns which of names word may have been meant to be, or "".
func Nearest(word string, names []string) string {
	table := make([]*C.char, len(names)+1)
	for i, name := range names {
		table[i] = C.CString(name)
		defer C.free(unsafe.Pointer(table[i]))
	}
	array := C.malloc(C.size_t(len(table)) * C.size_t(unsafe.Sizeof(table[0])))
	defer C.free(array)
	copy(unsafe.Slice((**C.char)(array), len(table)), table)
	text := C.CString(word)
	defer C.free(unsafe.Pointer(text))
	nearest := C.xkv_nearest(text, (**C.char)(array), C.size_t(len(names)))
	if nearest == nil {
		return ""
	}
	return C.GoString(nearest)
}

// Setting is one option of a store with its value: bool, float64, string, or
// Other for what is none of these.
type Setting struct {
	Name  string
	Value any
}

// Other describes a value that no option can have, such as "an array".
type Other string

// Store is a handle on an open store. Its commands take effect in the order
// in which they are given.
type Store struct {
	handle *C.xkv_store
}

// Open opens a store, or one more handle on one that is open.
func Open(settings []Setting) (*Store, error) {
	// In C memory: it will hold pointers to the texts.
	options := (*C.xkv_options)(C.malloc(C.sizeof_xkv_options))
	defer C.free(unsafe.Pointer(options))
	message := (*C.char)(C.malloc(C.XKV_MESSAGE_SIZE))
	defer C.free(unsafe.Pointer(message))

	C.xkv_options_init(options)
	for _, setting := range settings {
		free, code := set(options, setting, message)
		defer free()
		if code != C.XKV_OK {
			return nil, &Error{Code(code), C.GoString(message)}
		}
	}
	store := &Store{}
	code := C.xkv_open(options, &store.handle, message, C.XKV_MESSAGE_SIZE)
	if code != C.XKV_OK {
		return nil, &Error{Code(code), C.GoString(message)}
	}
	return store, nil
}

// set sets one option. Its text is needed until the store is open: free it then.
func set(options *C.xkv_options, setting Setting, message *C.char) (free func(), code C.int) {
	scalar := (*C.xkv_scalar)(C.calloc(1, C.sizeof_xkv_scalar))
	defer C.free(unsafe.Pointer(scalar))
	name := C.CString(strings.ReplaceAll(setting.Name, "\x00", "\\0")) // C's names end at NUL
	defer C.free(unsafe.Pointer(name))

	switch value := setting.Value.(type) {
	case bool:
		scalar._type, scalar.boolean = C.XKV_TYPE_BOOL, C.bool(value)
	case float64:
		scalar._type, scalar.number = C.XKV_TYPE_NUMBER, C.double(value)
	case string:
		scalar._type, scalar.text = C.XKV_TYPE_TEXT, C.CString(value)
	case Other:
		scalar._type, scalar.text = C.XKV_TYPE_OTHER, C.CString(string(value))
	}
	text := unsafe.Pointer(scalar.text)
	code = C.xkv_options_set(options, name, scalar, message, C.XKV_MESSAGE_SIZE)
	return func() { C.free(text) }, code
}

// Close releases the handle. No other call may be under way or follow.
func (s *Store) Close() { C.xkv_close(s.handle) }

// SameStore tells whether two handles are on the same store.
func (s *Store) SameStore(other *Store) bool {
	return bool(C.xkv_same_store(s.handle, other.handle))
}

// Serialization is how the store's values are written: 0 json, 1 string, 2 binary.
func (s *Store) Serialization() int {
	return int(C.xkv_store_options(s.handle).serialization)
}

// Waits tells whether commands of this store may be queued.
func (s *Store) Waits() bool { return bool(C.xkv_waits(s.handle)) }

// Command is an operation with its arguments. It must not change during Submit.
type Command struct {
	Op          int
	Key, Prefix string
	Value       []byte
	Limit       int64
	Delta       int64
}

// Reply is what came of a command. Data is the result, or the message if Code
// is not OK; it is valid until Release, or the next use of the buffer.
type Reply struct {
	Code   Code
	Number int64
	Data   []byte
	owned  C.uintptr_t
}

// Release gives back what the reply holds beyond the buffer.
func (r *Reply) Release() {
	if r.owned != 0 {
		C.xkvgo_free(r.owned)
		r.owned = 0
	}
}

// Submit runs a command, or queues it and returns true: then the queue will
// return the tag. Small results land in buffer.
func (s *Store) Submit(command *Command, buffer []byte, queue *Queue, tag uint64,
	reply *Reply,
) (pending bool) {
	var result C.xkvgo_result

	C.xkvgo_submit(s.handle, C.int(command.Op),
		(*C.char)(unsafe.Pointer(unsafe.StringData(command.Key))), C.size_t(len(command.Key)),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(command.Value))), C.size_t(len(command.Value)),
		(*C.char)(unsafe.Pointer(unsafe.StringData(command.Prefix))), C.size_t(len(command.Prefix)),
		C.int64_t(command.Limit), C.int64_t(command.Delta), queue.handle, C.uint64_t(tag),
		unsafe.Pointer(unsafe.SliceData(buffer)), C.size_t(len(buffer)), &result)
	if result.pending != 0 {
		return true
	}
	reply.Code = Code(result.status)
	reply.Number = int64(result.number)
	reply.owned = result.owned
	switch {
	case result.len == 0:
		reply.Data = nil
	case result.data == C.uintptr_t(uintptr(unsafe.Pointer(unsafe.SliceData(buffer)))):
		reply.Data = buffer[:result.len]
	default:
		reply.Data = cBytes(result.data, result.len)
	}
	return false
}

// cBytes is a view of C memory.
func cBytes(data C.uintptr_t, size C.size_t) []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&data)), int(size))
}

// Queue is where queued commands come back.
type Queue struct {
	handle *C.xkv_queue
	batch  *C.xkv_completion
}

// As many completions are fetched from C at once.
const batchSize = 64

// NewQueue makes a queue; nil if memory is short.
func NewQueue() *Queue {
	queue := &Queue{
		handle: C.xkv_queue_new(),
		batch:  (*C.xkv_completion)(C.malloc(batchSize * C.sizeof_xkv_completion)),
	}
	if queue.handle == nil || queue.batch == nil {
		return nil
	}
	return queue
}

// Collect waits for finished commands and calls done for each, with a reply
// that owns its memory in Go. It returns how many there were.
func (q *Queue) Collect(done func(tag uint64, reply Reply)) int {
	count := int(C.xkv_completions(q.handle, q.batch, batchSize, -1))
	for _, completion := range unsafe.Slice(q.batch, count) {
		reply := Reply{Code: Code(completion.reply.status), Number: int64(completion.reply.number)}
		if completion.reply.len > 0 {
			data := C.uintptr_t(uintptr(completion.reply.data))
			reply.Data = bytes.Clone(cBytes(data, completion.reply.len))
		}
		C.xkv_reply_clear(&completion.reply)
		done(uint64(completion.tag), reply)
	}
	return count
}
