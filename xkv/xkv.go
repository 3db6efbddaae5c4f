//go:build cgo

// Package xkv binds libxkv, the store in C. It holds no data and no rules: it
// hands commands over and takes replies back, with exactly one crossing into C
// per call. What the calls mean stands in include/xkv.h.
package xkv

/*
#cgo CFLAGS: -I${SRCDIR}/include -I${SRCDIR}/src -std=c11
#cgo !windows LDFLAGS: -lpthread
#cgo windows LDFLAGS: -lws2_32 -ladvapi32
#cgo noescape xkvgo_submit
#cgo nocallback xkvgo_submit
#cgo noescape xkvgo_check_entry
#cgo nocallback xkvgo_check_entry
#cgo noescape xkvgo_read_duration
#cgo nocallback xkvgo_read_duration

#include <stdlib.h>
#include "xkv.h"

// All of a call that is no pointer, and what comes back. To Go's checks the
// addresses in it are numbers. The arguments stand in the order of the table, which
// alone says what they are.
typedef struct {
	int op, expect;
	xkv_arguments flags;
	int pending, status;
	size_t sizes[XKV_BYTES_MOST];
	int64_t numbers[XKV_NUMBERS_MOST];
	size_t buffer_size;
	uint64_t tag;

	int64_t number;
	uintptr_t data, owned;
	size_t len;
} xkvgo_call;

_Static_assert(XKV_BYTES_MOST == 5, "xkvgo_submit takes as many pointers");

// The command is put together here, on the C stack: Go must not hand over
// memory that holds pointers to other Go memory.
static void xkvgo_submit(xkv_store *store, xkv_queue *queue, xkvgo_call *call, const char *first,
                         const char *second, const char *third, const char *fourth,
                         const char *fifth, char *buffer) {
	const xkv_bytes bytes[] = {
		{first, call->sizes[0]},
		{second, call->sizes[1]},
		{third, call->sizes[2]},
		{fourth, call->sizes[3]},
		{fifth, call->sizes[4]},
	};
	xkv_command command = {.op = call->op, .expect = call->expect};
	xkv_reply reply;

	xkv_command_fill(&command, bytes, call->numbers, call->flags);
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

void xkvgoProgress(xkv_progress *progress); // see notice.go

static void xkvgo_progress(const xkv_progress *progress, void *nothing) {
	(void)nothing;
	xkvgoProgress((xkv_progress *)progress);
}

static void xkvgo_take_progress(int64_t every_ms) {
	xkv_set_progress(xkvgo_progress, NULL, every_ms);
}

int xkvgoDial(xkv_dial *to, intptr_t socket, char *message, size_t size); // see dial.go

static int xkvgo_dial(const xkv_dial *to, intptr_t socket, void *nothing, char *message, size_t size) {
	(void)nothing;
	return xkvgoDial((xkv_dial *)to, socket, message, size);
}

static void xkvgo_take_dialer(void) { xkv_set_dialer(xkvgo_dial, NULL); }

static int xkvgo_read_duration(int op, xkv_arguments argument, const char *text, size_t len, int64_t *ms,
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
	"strings"
	"time"
	"unsafe"
)

// Before anything is opened.
func init() { C.xkvgo_take_dialer() }

// Version is that of the library, and of the module: "0.2.0".
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
	ServerUnavailable  Code = C.XKV_E_SERVER_UNAVAILABLE
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
type Argument uint64

// Timeout is the argument that says how long a call may wait.
const Timeout Argument = C.XKV_ARG_TIMEOUT

// ArgumentKind says how an argument is read.
type ArgumentKind int

// The kinds of arguments.
const (
	KindKey      ArgumentKind = C.XKV_KIND_KEY
	KindValue    ArgumentKind = C.XKV_KIND_VALUE
	KindExpected ArgumentKind = C.XKV_KIND_EXPECTED
	KindText     ArgumentKind = C.XKV_KIND_TEXT
	KindInteger  ArgumentKind = C.XKV_KIND_INTEGER
	KindDuration ArgumentKind = C.XKV_KIND_DURATION
	KindBoolean  ArgumentKind = C.XKV_KIND_BOOLEAN
	KindKeys     ArgumentKind = C.XKV_KIND_KEYS
	KindEntries  ArgumentKind = C.XKV_KIND_ENTRIES
	KindTexts    ArgumentKind = C.XKV_KIND_TEXTS
	KindClaim    ArgumentKind = C.XKV_KIND_CLAIM
	KindClaims   ArgumentKind = C.XKV_KIND_CLAIMS
)

// ArgumentInfo is a row of the library's table of arguments, for one operation.
type ArgumentInfo struct {
	Bit       Argument
	Name      string
	Kind      ArgumentKind
	Words     string // what it must be
	Min, Max  int64  // of an integer or a duration; of a text, Min is 1 if it must not be empty
	Default   bool   // of a boolean
	TypeError Code   // of a value of another type
	Slot      int    // where it goes in a Command, among what is bytes or what is a number
}

// describe returns the row of one argument of an operation, but for its slot.
func describe(op int, bit Argument) ArgumentInfo {
	info := C.xkv_argument_describe(C.xkv_arguments(bit))
	var least, most C.int64_t
	C.xkv_argument_range(C.int(op), C.xkv_arguments(bit), &least, &most)
	if ArgumentKind(info.kind) == KindText {
		least = info.min
	}
	return ArgumentInfo{
		Bit:       bit,
		Name:      C.GoString(info.name),
		Kind:      ArgumentKind(info.kind),
		Words:     C.GoString(info.words),
		Min:       int64(least),
		Max:       int64(most),
		Default:   info.kind == C.XKV_KIND_BOOLEAN && info.standard != 0,
		TypeError: Code(info.type_error),
	}
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
	ReplyFound   ReplyKind = C.XKV_REPLY_FOUND
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
	Op         int
	Name       string
	Positional []ArgumentInfo
	Fields     []ArgumentInfo // of the options argument behind them
	Required   Argument       // those of the fields that must be given
	Flags      Argument       // booleans that are true by default
	Reply      ReplyKind
	OfFiles    bool // it reads or writes a file
	Searches   bool // it may find nothing: then the reply's number is 0
}

// Operations returns the table of commands.
func Operations() []Operation {
	operations := make([]Operation, C.XKV_OP_END)
	for op := range operations {
		operations[op] = newOperation(op)
	}
	return operations
}

func newOperation(op int) Operation {
	info := C.xkv_op_describe(C.int(op))
	o := Operation{
		Op:       op,
		Name:     C.GoString(info.name),
		Required: Argument(info.required),
		Reply:    ReplyKind(info.reply),
		OfFiles:  info.access == C.XKV_ACCESS_EXPORT || info.access == C.XKV_ACCESS_IMPORT,
		Searches: bool(info.searches),
	}
	positional, slots := Argument(info.arguments), [2]int{}
	fields := Argument(info.required | info.optional)
	for bit := Argument(1); bit <= positional|fields; bit <<= 1 {
		if (positional|fields)&bit == 0 {
			continue
		}
		row := describe(op, bit)
		row.takeSlot(&slots)
		if row.Default {
			o.Flags |= bit
		}
		if positional&bit != 0 {
			o.Positional = append(o.Positional, row)
		} else {
			o.Fields = append(o.Fields, row)
		}
	}
	return o
}

// takeSlot takes the next slot for a number, or for bytes.
func (a *ArgumentInfo) takeSlot(slots *[2]int) {
	kind := 0
	switch a.Kind {
	case KindBoolean:
		return
	case KindInteger, KindDuration:
		kind = 1
	}
	a.Slot = slots[kind]
	slots[kind]++
}

// CheckInteger says what is wrong with an integer or duration of an operation.
func CheckInteger(op int, argument Argument, number int64) error {
	message := newMessage()
	defer C.free(unsafe.Pointer(message))
	return failure(C.xkv_check_integer(C.int(op), C.xkv_arguments(argument), C.int64_t(number),
		message, C.XKV_MESSAGE_SIZE), message)
}

// ReadDuration reads a duration of an operation that is given as text.
func ReadDuration(op int, argument Argument, duration string) (int64, error) {
	message := newMessage()
	defer C.free(unsafe.Pointer(message))
	var ms C.int64_t
	code := C.xkvgo_read_duration(C.int(op), C.xkv_arguments(argument), text(duration),
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

// TakeProgress has tell called, from time to time, by each command that reads or writes a
// file and takes longer than that. It may be called by several at once.
func TakeProgress(every time.Duration, tell func(Progress)) {
	progress.Store(&tell)
	C.xkvgo_take_progress(C.int64_t(every.Milliseconds()))
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

// Serialization says what the values of a store are.
type Serialization int

// The serializations.
const (
	SerializationJSON   Serialization = C.XKV_JSON
	SerializationString Serialization = C.XKV_STRING
	SerializationBinary Serialization = C.XKV_BINARY
)

// String is the name that scripts use.
func (s Serialization) String() string { return C.GoString(C.xkv_serialization_name(C.int(s))) }

// Options is what a store was opened with, as far as the Go side needs it.
type Options struct {
	Backend       string // its name
	Outlasts      bool   // the process: it is not in its memory
	Serialization Serialization
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
		Backend:       C.GoString(C.xkv_backend_name(options.backend)),
		Outlasts:      options.backend != C.XKV_BACKEND_MEMORY,
		Serialization: Serialization(options.serialization),
		TrackKeys:     bool(options.track_keys),
		ReadOnly:      bool(options.read_only),
		Metrics:       bool(options.metrics_operations),
	}
}

// Waits tells whether an operation always has to be queued in this store.
func (s *Store) Waits(op int) bool { return bool(C.xkv_waits(s.handle, C.int(op))) }

// Cancel takes back what was submitted with a tag, if it has not taken effect. Its
// completion tells.
func (s *Store) Cancel(queue *Queue, tag uint64) {
	C.xkv_cancel(s.handle, queue.handle, C.uint64_t(tag))
}

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

// Command is an operation with its arguments, each in the slot that its row says. It
// is kept as it crosses into C. It must not change during Submit.
type Command struct {
	call C.xkvgo_call
	data [C.XKV_BYTES_MOST]*C.char
}

// Begin begins an empty command, with the booleans that are true by default.
func (c *Command) Begin(o *Operation) {
	c.call.op, c.call.flags = C.int(o.Op), C.xkv_arguments(o.Flags)
}

// SetText sets an argument that is text.
func (c *Command) SetText(slot int, s string) {
	c.data[slot], c.call.sizes[slot] = text(s), C.size_t(len(s))
}

// mostBytes is more than a key or value may have. What is longer is cut where a length has 32
// bits, and refused by the library, which finds it too long.
const mostBytes = C.XKV_VALUE_MAX + 1

// SetBytes sets a value, or items: see AppendEntry.
func (c *Command) SetBytes(slot int, b []byte) {
	c.data[slot], c.call.sizes[slot] = address(b), C.size_t(len(b))
}

// SetNumber sets an integer or a duration.
func (c *Command) SetNumber(slot int, number int64) { c.call.numbers[slot] = C.int64_t(number) }

// Number is an integer or a duration that was set, else 0.
func (c *Command) Number(slot int) int64 { return int64(c.call.numbers[slot]) }

// SetFlag sets a boolean.
func (c *Command) SetFlag(flag Argument, value bool) {
	c.call.flags &^= C.xkv_arguments(flag)
	if value {
		c.call.flags |= C.xkv_arguments(flag)
	}
}

// Expect says what must be there; a value, if nothing is said.
func (c *Command) Expect(e Expect) { c.call.expect = C.int(e) }

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
// return the tag. Without a queue, true means that it has to be queued, and that
// nothing was done. Small results land in buffer.
func (s *Store) Submit(command *Command, buffer []byte, queue *Queue, tag uint64,
	reply *Reply,
) (pending bool) {
	call := &command.call
	call.buffer_size, call.tag = C.size_t(len(buffer)), C.uint64_t(tag)
	C.xkvgo_submit(s.handle, queue.orNone(), &command.call, command.data[0], command.data[1],
		command.data[2], command.data[3], command.data[4], address(buffer))
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
