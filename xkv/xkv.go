//go:build cgo

// Package xkv binds libxkv, the store in C. It holds no data and no rules: it
// hands commands over and takes replies back, with exactly one crossing into C
// per call. What the calls mean stands in include/xkv.h.
package xkv

/*
#cgo CFLAGS: -I${SRCDIR}/include -I${SRCDIR}/src -std=c11
#cgo pkg-config: lmdb
#cgo LDFLAGS: -lpthread
#cgo noescape xkvgo_submit
#cgo nocallback xkvgo_submit
#cgo noescape xkvgo_check_entry
#cgo nocallback xkvgo_check_entry
#cgo noescape xkvgo_read_duration
#cgo nocallback xkvgo_read_duration

#include <stdlib.h>
#include "xkv.h"

// All of a call that is no pointer, and what comes back. To Go's checks the
// addresses in it are numbers.
typedef struct {
	uint32_t op, flags;
	int32_t expect, pending, status;
	size_t key_len, value_len, expected_len, items_len, prefix_len, cursor_len, owner_len;
	int64_t delta, limit, count, ttl_ms;
	size_t buffer_size;
	uint64_t tag;

	int64_t number;
	uintptr_t data, owned;
	size_t len;
} xkvgo_call;

// The command is put together here, on the C stack: Go must not hand over
// memory that holds pointers to other Go memory.
static void xkvgo_submit(xkv_store *store, xkv_queue *queue, xkvgo_call *call, const char *key,
                         const char *value, const char *expected, const char *items,
                         const char *prefix, const char *cursor, const char *owner,
                         char *buffer) {
	xkv_command command = {
		.op = (int)call->op,
		.key = {key, call->key_len},
		.value = {value, call->value_len},
		.expected = {expected, call->expected_len},
		.items = {items, call->items_len},
		.prefix = {prefix, call->prefix_len},
		.cursor = {cursor, call->cursor_len},
		.owner = {owner, call->owner_len},
		.delta = call->delta,
		.limit = call->limit,
		.count = call->count,
		.ttl_ms = call->ttl_ms,
		.expect = call->expect,
		.repeats = !(call->flags & XKV_ARG_UNIQUE),
		.all_or_nothing = call->flags & XKV_ARG_ALL_OR_NOTHING,
		.keep_key = !(call->flags & XKV_ARG_DELETE_KEY),
		.include_current = call->flags & XKV_ARG_INCLUDE_CURRENT,
	};
	xkv_reply reply;

	xkv_reply_init(&reply, buffer, call->buffer_size);
	call->pending = xkv_submit(store, &command, &reply, queue, call->tag) == XKV_PENDING;
	call->status = reply.status;
	call->number = reply.number;
	call->data = (uintptr_t)reply.data;
	call->owned = (uintptr_t)reply.owned;
	call->len = reply.len;
}

static int xkvgo_check_entry(xkv_store *store, const char *key, size_t key_len, const char *value,
                             size_t value_len, char *message) {
	xkv_bytes k = {key, key_len}, v = {value, value_len};

	return xkv_check_entry(store, k, v, message, XKV_MESSAGE_SIZE);
}

void xkvgoNotice(char *text); // see notice.go

static void xkvgo_notice(const char *text) { xkvgoNotice((char *)text); }

static void xkvgo_take_notices(void) { xkv_set_notice(xkvgo_notice); }

static int xkvgo_read_duration(int op, unsigned argument, const char *text, size_t len, int64_t *ms,
                               char *message) {
	return xkv_read_duration(op, argument, (xkv_bytes){text, len}, ms, message, XKV_MESSAGE_SIZE);
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

// Version is that of the library, and of the module: "0.1.0".
func Version() string { return C.GoString(C.xkv_version()) }

// Code is an error code of the library; 0 is success.
type Code int

// Name is the error's name as scripts see it.
func (c Code) Name() string { return C.GoString(C.xkv_error_name(C.int(c))) }

// The codes that are raised on the Go side.
const (
	OK                 Code = C.XKV_OK
	InvalidOptions     Code = C.XKV_E_INVALID_OPTIONS
	InitContext        Code = C.XKV_E_INIT_CONTEXT
	OptionsConflict    Code = C.XKV_E_OPTIONS_CONFLICT
	Serializer         Code = C.XKV_E_SERIALIZER
	ValueNumber        Code = C.XKV_E_VALUE_NUMBER_REQUIRED
	ValueParse         Code = C.XKV_E_VALUE_PARSE
	StoreClosed        Code = C.XKV_E_STORE_CLOSED
	StoreFull          Code = C.XKV_E_STORE_FULL
	DiskStoreCorrupt   Code = C.XKV_E_DISK_STORE_CORRUPT
	MetricsUnavailable Code = C.XKV_E_METRICS_UNAVAILABLE
	Internal           Code = C.XKV_E_INTERNAL
)

// Error is a failure with the library's own words.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Code.Name() + ": " + e.Message }

// Argument is a set of the arguments that a command takes, a bit for each.
type Argument uint

// The arguments that are told apart by more than their kind.
const (
	Key    Argument = C.XKV_ARG_KEY
	Value  Argument = C.XKV_ARG_VALUE
	Old    Argument = C.XKV_ARG_OLD
	New    Argument = C.XKV_ARG_NEW
	Delta  Argument = C.XKV_ARG_DELTA
	Claim  Argument = C.XKV_ARG_CLAIM
	Claims Argument = C.XKV_ARG_CLAIMS
	Prefix Argument = C.XKV_ARG_PREFIX
	Limit  Argument = C.XKV_ARG_LIMIT
	Cursor Argument = C.XKV_ARG_CURSOR
	Count  Argument = C.XKV_ARG_COUNT
	Owner  Argument = C.XKV_ARG_OWNER
	TTL    Argument = C.XKV_ARG_TTL
)

// Boolean arguments that are true unless something else is said.
const trueByDefault = C.XKV_ARG_UNIQUE | C.XKV_ARG_DELETE_KEY

// ArgumentKind says how an argument is read.
type ArgumentKind int

// The kinds of arguments.
const (
	KindKey      ArgumentKind = C.XKV_KIND_KEY
	KindValue    ArgumentKind = C.XKV_KIND_VALUE
	KindText     ArgumentKind = C.XKV_KIND_TEXT
	KindInteger  ArgumentKind = C.XKV_KIND_INTEGER
	KindDuration ArgumentKind = C.XKV_KIND_DURATION
	KindBoolean  ArgumentKind = C.XKV_KIND_BOOLEAN
	KindKeys     ArgumentKind = C.XKV_KIND_KEYS
	KindEntries  ArgumentKind = C.XKV_KIND_ENTRIES
	KindClaim    ArgumentKind = C.XKV_KIND_CLAIM
	KindClaims   ArgumentKind = C.XKV_KIND_CLAIMS
)

// ArgumentInfo is a row of the library's table of arguments.
type ArgumentInfo struct {
	Bit      Argument
	Name     string
	Kind     ArgumentKind
	Min, Max int64 // of an integer or a duration
}

// Describe returns the rows of the arguments in a set, in the order of the bits.
func (a Argument) Describe() []ArgumentInfo {
	var rows []ArgumentInfo
	for n := range C.XKV_ARGUMENTS {
		bit := Argument(1) << n
		if a&bit == 0 {
			continue
		}
		info := C.xkv_argument_describe(C.uint(bit))
		rows = append(rows, ArgumentInfo{
			Bit:  bit,
			Name: C.GoString(info.name),
			Kind: ArgumentKind(info.kind),
			Min:  int64(info.min),
			Max:  int64(info.max),
		})
	}
	return rows
}

// KeyMax is how many bytes a key may have, ItemsMax how many the lists that go
// into a command.
const (
	KeyMax   = C.XKV_KEY_MAX
	ItemsMax = C.XKV_VALUE_MAX
)

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
	ReplyItems   ReplyKind = C.XKV_REPLY_ITEMS
	ReplyReport  ReplyKind = C.XKV_REPLY_REPORT
)

// ItemKind says what an item is.
type ItemKind byte

// The kinds of items.
const (
	ItemNull    ItemKind = C.XKV_ITEM_NULL
	ItemFalse   ItemKind = C.XKV_ITEM_FALSE
	ItemTrue    ItemKind = C.XKV_ITEM_TRUE
	ItemInteger ItemKind = C.XKV_ITEM_INTEGER
	ItemText    ItemKind = C.XKV_ITEM_TEXT
	ItemValue   ItemKind = C.XKV_ITEM_VALUE
	ItemEntry   ItemKind = C.XKV_ITEM_ENTRY
	ItemArray   ItemKind = C.XKV_ITEM_ARRAY
	ItemObject  ItemKind = C.XKV_ITEM_OBJECT
)

// Operation is a row of the library's table of commands.
type Operation struct {
	Op        int
	Name      string
	Arguments Argument // positional, in the order of the bits
	Required  Argument // fields of the options argument behind them
	Optional  Argument
	Flags     Argument // those of the fields that are true by default
	LimitMax  int64    // the largest limit, 0 where there is none
	Reads     bool     // it changes nothing, and need not wait for those that do
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
			Required:  Argument(info.required),
			Optional:  Argument(info.optional),
			Flags:     Argument(info.required|info.optional) & trueByDefault,
			LimitMax:  int64(info.limit_max),
			Reads:     info.access == C.XKV_ACCESS_READ || info.access == C.XKV_ACCESS_SCAN,
			Reply:     ReplyKind(info.reply),
		}
	}
	return operations
}

// CheckInteger says what is wrong with an integer or duration of an operation.
func CheckInteger(op int, argument Argument, number int64) error {
	message := newMessage()
	defer C.free(unsafe.Pointer(message))
	return failure(C.xkv_check_integer(C.int(op), C.uint(argument), C.int64_t(number),
		message, C.XKV_MESSAGE_SIZE), message)
}

// ReadDuration reads a duration of an operation that is given as text.
func ReadDuration(op int, argument Argument, duration string) (int64, error) {
	message := newMessage()
	defer C.free(unsafe.Pointer(message))
	var ms C.int64_t
	code := C.xkvgo_read_duration(C.int(op), C.uint(argument), text(duration),
		C.size_t(len(duration)), &ms, message)
	return int64(ms), failure(code, message)
}

// newMessage makes room for what C says about an error. Free it.
func newMessage() *C.char { return (*C.char)(C.malloc(C.XKV_MESSAGE_SIZE)) }

// failure is the error that a code stands for, nil if it is none.
func failure(code C.int, message *C.char) error {
	if code == C.XKV_OK {
		return nil
	}
	return &Error{Code(code), C.GoString(message)}
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
	store := &Store{}
	err := withOptions(settings, func(options *C.xkv_options, message *C.char) C.int {
		return C.xkv_open(options, &store.handle, message, C.XKV_MESSAGE_SIZE)
	})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Check is Open without opening anything: it says what is wrong with settings, also
// beside those that passed before and may be of the same store.
func Check(settings []Setting, passed [][]Setting) (checked Options, err error) {
	err = withOptions(settings, func(options *C.xkv_options, message *C.char) C.int {
		checked = newOptions(options)
		code := C.xkv_check_options(options, nil, message, C.XKV_MESSAGE_SIZE)
		for n := 0; n < len(passed) && code == C.XKV_OK; n++ {
			_ = withOptions(passed[n], func(first *C.xkv_options, _ *C.char) C.int {
				code = C.xkv_check_options(options, first, message, C.XKV_MESSAGE_SIZE)
				return C.XKV_OK
			})
		}
		return code
	})
	return checked, err
}

// withOptions calls do with the options that settings make, and room for a message.
func withOptions(settings []Setting, do func(*C.xkv_options, *C.char) C.int) error {
	// In C memory: it will hold pointers to the texts.
	options := (*C.xkv_options)(C.malloc(C.sizeof_xkv_options))
	defer C.free(unsafe.Pointer(options))
	message := newMessage()
	defer C.free(unsafe.Pointer(message))

	C.xkv_options_init(options)
	for _, setting := range settings {
		free, code := set(options, setting, message)
		defer free()
		if err := failure(code, message); err != nil {
			return err
		}
	}
	return failure(do(options, message), message)
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

// TakeNotices has the reasons why calls take long told to tell, which may be called
// at any time by the goroutine of such a call.
func TakeNotices(tell func(text string)) {
	notice.Store(&tell)
	C.xkvgo_take_notices()
}

// SetStream says which virtual user this handle is of, for the option seed.
func (s *Store) SetStream(stream int64) {
	C.xkv_store_stream(s.handle, C.uint64_t(stream))
}

// Close releases the handle. No other call may be under way or follow.
func (s *Store) Close() { C.xkv_close(s.handle) }

// SameStore tells whether two handles are on the same store.
func (s *Store) SameStore(other *Store) bool {
	return bool(C.xkv_same_store(s.handle, other.handle))
}

// Options is what a store was opened with, as far as the Go side needs it.
type Options struct {
	Memory        bool // else on disk
	Serialization int  // 0 json, 1 string, 2 binary
	TrackKeys     bool
	ReadOnly      bool
	Metrics       bool // emit metrics per call
}

// Options returns what the store was opened with, after defaults.
func (s *Store) Options() Options {
	return newOptions(C.xkv_store_options(s.handle))
}

func newOptions(options *C.xkv_options) Options {
	return Options{
		Memory:        options.backend == C.XKV_BACKEND_MEMORY,
		Serialization: int(options.serialization),
		TrackKeys:     bool(options.track_keys),
		ReadOnly:      bool(options.read_only),
		Metrics:       bool(options.metrics_operations),
	}
}

// Waits tells whether commands of this store may be queued.
func (s *Store) Waits() bool { return bool(C.xkv_waits(s.handle)) }

// CheckEntry says why the store would not take an entry of setMany, or nil.
func (s *Store) CheckEntry(key, value []byte) error {
	message := newMessage()
	defer C.free(unsafe.Pointer(message))
	return failure(C.xkvgo_check_entry(s.handle, address(key), C.size_t(len(key)), address(value),
		C.size_t(len(value)), message), message)
}

// Expect is what compareAndSwap and the like must find under the key.
type Expect int

// What may be expected.
const (
	ExpectValue         Expect = C.XKV_EXPECT_VALUE
	ExpectAbsent        Expect = C.XKV_EXPECT_ABSENT
	ExpectAbsentOrValue Expect = C.XKV_EXPECT_ABSENT_OR_VALUE
)

// Command is an operation with its arguments. It must not change during Submit.
type Command struct {
	Op                         int
	Key, Prefix, Cursor, Owner string
	Value                      []byte // also the new one of compareAndSwap
	Expected                   []byte // the old one
	Items                      []byte // keys, entries or claims, see AppendEntry
	Delta, Limit, Count, TTL   int64
	Expect                     Expect
	Flags                      Argument // the boolean arguments that are true
}

// Text is where a text argument stands.
func (c *Command) Text(argument Argument) *string {
	switch argument {
	case Key:
		return &c.Key
	case Cursor:
		return &c.Cursor
	case Owner:
		return &c.Owner
	default:
		return &c.Prefix
	}
}

// Integer is where an integer argument stands.
func (c *Command) Integer(argument Argument) *int64 {
	switch argument {
	case Delta:
		return &c.Delta
	case Count:
		return &c.Count
	case TTL:
		return &c.TTL
	default:
		return &c.Limit
	}
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
	call := C.xkvgo_call{
		op: C.uint32_t(command.Op), flags: C.uint32_t(command.Flags),
		expect:  C.int32_t(command.Expect),
		key_len: C.size_t(len(command.Key)), value_len: C.size_t(len(command.Value)),
		expected_len: C.size_t(len(command.Expected)), items_len: C.size_t(len(command.Items)),
		prefix_len: C.size_t(len(command.Prefix)), cursor_len: C.size_t(len(command.Cursor)),
		owner_len: C.size_t(len(command.Owner)),
		delta:     C.int64_t(command.Delta), limit: C.int64_t(command.Limit),
		count: C.int64_t(command.Count), ttl_ms: C.int64_t(command.TTL),
		buffer_size: C.size_t(len(buffer)), tag: C.uint64_t(tag),
	}
	C.xkvgo_submit(s.handle, queue.handle, &call, text(command.Key), address(command.Value),
		address(command.Expected), address(command.Items), text(command.Prefix),
		text(command.Cursor), text(command.Owner), address(buffer))
	if call.pending != 0 {
		return true
	}
	reply.Code = Code(call.status)
	reply.Number = int64(call.number)
	reply.owned = call.owned
	switch {
	case call.len == 0:
		reply.Data = nil
	case call.data == C.uintptr_t(uintptr(unsafe.Pointer(unsafe.SliceData(buffer)))):
		reply.Data = buffer[:call.len]
	default:
		reply.Data = cBytes(call.data, call.len)
	}
	return false
}

// text and address are where C finds the bytes.
func text(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

func address(b []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))) }

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
