package kv

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// serialization is how a store writes values; the numbers are the library's.
type serialization int

const (
	serializationJSON serialization = iota
	serializationString
	serializationBinary
)

// serializerError says why a value cannot be stored.
type serializerError struct {
	Message string
}

func (e *serializerError) Error() string { return e.Message }

const (
	// maxDepth is how deep arrays and objects may lie in each other.
	maxDepth = 10000
	// keptBuffer is the size up to which the output buffer is used again.
	keptBuffer = 1 << 20
)

// encoder turns values of one virtual user's runtime into stored bytes.
//
// It walks values by itself, rather than leaving that to JSON.stringify, which
// is slower, silently turns into {} or null what scripts store by mistake (a
// Map, NaN, a promise that nobody awaited), and cannot say where it stands.
type encoder struct {
	builtins
	out  []byte
	open []*sobek.Object // what the value being written lies in, outermost first
	path []step
	busy bool
}

// builtins are functions of the runtime, as they were before any script ran.
type builtins struct {
	rt      *sobek.Runtime
	isArray sobek.Callable // sees through a Proxy
	isView  sobek.Callable
	keys    sobek.Callable // Object.keys
	get     sobek.Callable // Reflect.get
}

// step is one step of the way to a value inside another.
type step struct {
	name  string
	index int // -1: a property
}

func newEncoder(rt *sobek.Runtime) *encoder {
	return &encoder{builtins: builtins{
		rt:      rt,
		isArray: builtin(rt, "Array", "isArray"),
		isView:  builtin(rt, "ArrayBuffer", "isView"),
		keys:    builtin(rt, "Object", "keys"),
		get:     builtin(rt, "Reflect", "get"),
	}}
}

func builtin(rt *sobek.Runtime, object, name string) sobek.Callable {
	function, _ := sobek.AssertFunction(rt.GlobalObject().Get(object).(*sobek.Object).Get(name))
	return function
}

// encode returns a value as the store keeps it; the bytes are valid until the
// next call. Errors are *serializerError, or a *sobek.Exception that code of
// the script threw on the way.
func (e *encoder) encode(v sobek.Value, s serialization) ([]byte, error) {
	if e.busy { // a getter or toJSON of the value being encoded stores something, too
		inner := encoder{builtins: e.builtins}
		return inner.encode(v, s)
	}
	e.busy = true
	defer func() { e.busy = false }()
	if cap(e.out) > keptBuffer {
		e.out = nil
	}
	e.out, e.open, e.path = e.out[:0], e.open[:0], e.path[:0]
	if v == nil {
		v = sobek.Undefined()
	}
	var err error
	switch s {
	case serializationString:
		err = e.encodeText(v)
	case serializationBinary:
		err = e.encodeBinary(v)
	default:
		err = e.encodeJSON(v)
	}
	return e.out, err
}

// -- string and binary ---------------------------------------------------------

func (e *encoder) encodeText(v sobek.Value) error {
	if object, ok := v.(*sobek.Object); ok {
		if err := e.appendBytes(object, `use serialization "json" for objects and arrays`); err != nil {
			return err
		}
		if !utf8.Valid(e.out) {
			return fail(`value is %s whose bytes are not valid UTF-8; use serialization "binary"`,
				describe(v))
		}
		return nil
	}
	if _, ok := v.(sobek.String); ok {
		return e.appendString(v)
	}
	switch number := v.Export().(type) {
	case bool, int64:
	case float64:
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return fail(`value is %s, which cannot be stored`, v.String())
		}
	default:
		return fail(`value is %s; serialization "string" takes strings, numbers, booleans and bytes`,
			describe(v))
	}
	e.out = append(e.out, v.String()...)
	return nil
}

func (e *encoder) encodeBinary(v sobek.Value) error {
	if object, ok := v.(*sobek.Object); ok {
		return e.appendBytes(object, `serialization "binary" takes ArrayBuffers, typed arrays and strings`)
	}
	if _, ok := v.(sobek.String); ok {
		return e.appendString(v)
	}
	return fail(`value is %s; serialization "binary" takes ArrayBuffers, typed arrays and strings`,
		describe(v))
}

func (e *encoder) appendString(v sobek.Value) error {
	text, ok := keyText(v)
	if !ok {
		return fail(`value is %s; use serialization "json"`, describe(v))
	}
	e.out = append(e.out, text...)
	return nil
}

func (e *encoder) appendBytes(object *sobek.Object, advice string) error {
	if object.ExportType() != typeArrayBuffer && !e.isTrue(e.isView, object) {
		return fail("value is %s; %s", describe(object), advice)
	}
	var (
		data []byte
		err  error
	)
	// The runtime panics for views whose buffer has been detached.
	if thrown := e.rt.Try(func() { err = e.rt.ExportTo(object, &data) }); thrown != nil {
		return thrown
	}
	e.out = append(e.out, data...)
	return err
}

func fail(format string, arguments ...any) error {
	return &serializerError{fmt.Sprintf(format, arguments...)}
}

// -- json ----------------------------------------------------------------------

func (e *encoder) encodeJSON(v sobek.Value) error {
	object, ok := v.(*sobek.Object)
	if !ok {
		if isNegativeZero(v) { // JSON.stringify would lose the sign
			e.out = append(e.out, "-0"...)
			return nil
		}
		_, err := e.value(v)
		return err
	}
	var err error
	// Getters, toJSON and the traps of a Proxy are code of the script.
	thrown := e.rt.Try(func() { err = e.object(object) })
	if thrown != nil {
		return thrown
	}
	if err == errUndefined {
		e.out = append(e.out[:0], "null"...)
		return nil
	}
	return err
}

func isNegativeZero(v sobek.Value) bool {
	number, ok := v.Export().(float64)
	return ok && number == 0 && math.Signbit(number)
}

// refuse names the value that the path leads to.
func (e *encoder) refuse(what string) error {
	var where strings.Builder
	where.WriteString("value")
	for _, step := range e.path {
		switch {
		case step.index >= 0:
			fmt.Fprintf(&where, "[%d]", step.index)
		case identifier.MatchString(step.name):
			where.WriteString("." + step.name)
		default:
			where.WriteString("[" + strconv.Quote(step.name) + "]")
		}
		if where.Len() > shownPath {
			where.WriteString("…")
			break
		}
	}
	return fail("%s is %s", where.String(), what)
}

// As much of a path is shown in messages.
const shownPath = 200

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// value writes any value but for undefined, which it leaves to the caller:
// then nothing is written and it returns false.
func (e *encoder) value(v sobek.Value) (written bool, err error) {
	switch value := v.(type) {
	case nil:
		return false, nil
	case *sobek.Object:
		return true, e.object(value)
	case sobek.String:
		e.quote(value)
		return true, nil
	case *sobek.Symbol:
		return false, e.refuse("a symbol, which JSON cannot hold")
	}
	switch primitive := v.Export().(type) {
	case int64:
		e.out = strconv.AppendInt(e.out, primitive, 10)
	case float64:
		if math.IsNaN(primitive) || math.IsInf(primitive, 0) {
			return false, e.refuse(v.String() + ", which JSON cannot hold")
		}
		e.out = append(e.out, v.String()...)
	case bool:
		e.out = strconv.AppendBool(e.out, primitive)
	case nil:
		if sobek.IsUndefined(v) {
			if len(e.path) > 0 {
				return false, nil
			}
		}
		e.out = append(e.out, "null"...)
	default:
		return false, e.refuse("a BigInt, which JSON cannot hold")
	}
	return true, nil
}

// Objects that JSON.stringify would silently turn into {} or null. The runtime
// gives Maps and Sets the class of plain objects; their Go type tells.
var refusedClasses = map[string]string{
	"Function":      "a function, which JSON cannot hold",
	"AsyncFunction": "a function, which JSON cannot hold",
	"WeakMap":       "a WeakMap, which JSON cannot hold",
	"WeakSet":       "a WeakSet, which JSON cannot hold",
	"Promise":       "a Promise, which JSON cannot hold (did you forget await?)",
	"Symbol":        "a symbol, which JSON cannot hold",
	"BigInt":        "a BigInt, which JSON cannot hold",
}

var refusedTypes = map[reflect.Type]string{
	typeMap:         "a Map, which JSON cannot hold; store an array of its entries",
	typeSet:         "a Set, which JSON cannot hold; store an array of its members",
	typeArrayBuffer: bytesRefused,
}

var (
	typeMap         = reflect.TypeFor[[][2]any]()
	typeSet         = reflect.TypeFor[[]any]() // arrays have it, too, but another class
	typeArrayBuffer = reflect.TypeFor[sobek.ArrayBuffer]()
	typeProxy       = reflect.TypeFor[sobek.Proxy]()
	typePlain       = reflect.TypeFor[map[string]any]()
)

const bytesRefused = `bytes, which JSON cannot hold; open the store with serialization "binary"`

// object writes an object that may say by toJSON what stands for it.
func (e *encoder) object(object *sobek.Object) error {
	toJSON, ok := sobek.AssertFunction(object.Get("toJSON"))
	if !ok {
		return e.plain(object)
	}
	name := ""
	if last := len(e.path) - 1; last >= 0 {
		name = e.path[last].name
		if e.path[last].index >= 0 {
			name = strconv.Itoa(e.path[last].index)
		}
	}
	v, err := toJSON(object, e.rt.ToValue(name))
	if err != nil {
		panic(err) // a *sobek.Exception, or an interrupt, which nobody may catch
	}
	if replacement, ok := v.(*sobek.Object); ok {
		return e.plain(replacement)
	}
	written, err := e.value(v)
	if !written && err == nil {
		return errUndefined
	}
	return err
}

// errUndefined: toJSON returned undefined, so the member is left out.
var errUndefined = errors.New("undefined")

// plain writes an object as it is.
func (e *encoder) plain(object *sobek.Object) error {
	class := object.ClassName()
	if what := refusedClasses[class]; what != "" {
		return e.refuse(what)
	}
	kind := object.ExportType()
	if class == "Object" && kind != typePlain {
		if what := refusedTypes[kind]; what != "" {
			return e.refuse(what)
		}
		if isTyped(kind) {
			return e.refuse(bytesRefused)
		}
	}
	switch class {
	case "Number":
		_, err := e.value(object.ToNumber())
		return err
	case "String":
		_, err := e.value(object.ToString())
		return err
	case "Boolean":
		_, err := e.value(e.rt.ToValue(object.Export()))
		return err
	}
	if len(e.open) >= maxDepth {
		return e.refuse(fmt.Sprintf("nested more than %d levels deep", maxDepth))
	}
	if slices.Contains(e.open, object) {
		return e.refuse("an object that it lies in itself, a cycle, which JSON cannot hold")
	}
	e.open = append(e.open, object)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	if class == "Array" || kind == typeProxy && e.isTrue(e.isArray, object) {
		return e.array(object)
	}
	return e.members(object)
}

func (e *encoder) isTrue(predicate sobek.Callable, object *sobek.Object) bool {
	answer, err := predicate(sobek.Undefined(), object)
	return err == nil && answer.ToBoolean()
}

func (e *encoder) array(array *sobek.Object) error {
	length := int(array.Get("length").ToInteger())
	e.out = append(e.out, '[')
	for i := range length {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.path = append(e.path, step{index: i})
		written, err := e.value(array.Get(strconv.Itoa(i)))
		if err != nil && err != errUndefined {
			return err
		}
		if !written || err != nil {
			e.out = append(e.out, "null"...)
		}
		e.path = e.path[:len(e.path)-1]
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *encoder) members(object *sobek.Object) error {
	names := object.Keys()
	if len(names) == 0 && e.isTrue(e.isView, object) { // a DataView
		return e.refuse(bytesRefused)
	}
	e.out = append(e.out, '{')
	start := len(e.out)
	for _, name := range names {
		if strings.ContainsRune(name, utf8.RuneError) {
			e.out = e.out[:start]
			return e.strangeMembers(object)
		}
	}
	for _, name := range names {
		if err := e.member(start, name, nil, object.Get(name)); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

// strangeMembers does the same if a name may have a lone surrogate. No Go
// string can hold that, so names and values are asked for in JavaScript.
func (e *encoder) strangeMembers(object *sobek.Object) error {
	list, err := e.keys(sobek.Undefined(), object)
	if err != nil {
		panic(err)
	}
	start := len(e.out)
	names := list.(*sobek.Object)
	for i := range int(names.Get("length").ToInteger()) {
		name := names.Get(strconv.Itoa(i))
		v, err := e.get(sobek.Undefined(), object, name)
		if err != nil {
			panic(err)
		}
		if err := e.member(start, name.String(), name.(sobek.String), v); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

// member writes one member of the object whose members begin at start. exact is
// the name if text does not do.
func (e *encoder) member(start int, text string, exact sobek.String, v sobek.Value) error {
	before := len(e.out)
	if before > start {
		e.out = append(e.out, ',')
	}
	if exact != nil {
		e.quote(exact)
	} else {
		e.quoteText(text)
	}
	e.out = append(e.out, ':')
	e.path = append(e.path, step{name: text, index: -1})
	written, err := e.value(v)
	if err != nil && err != errUndefined {
		return err
	}
	e.path = e.path[:len(e.path)-1]
	if !written || err != nil {
		e.out = e.out[:before]
	}
	return nil
}

// isTyped tells the Go types of typed arrays: slices of numbers.
func isTyped(kind reflect.Type) bool {
	return kind != nil && kind.Kind() == reflect.Slice && kind != typeSet && kind != typeMap
}

// -- strings -------------------------------------------------------------------

func (e *encoder) quote(s sobek.String) {
	text := s.String()
	if len(text) != s.Length() && hasLoneSurrogate(s, text) {
		e.quoteUnits(s)
		return
	}
	e.quoteText(text)
}

const hexDigits = "0123456789abcdef"

// quoteText writes valid UTF-8 as a JSON string.
func (e *encoder) quoteText(text string) {
	e.out = append(e.out, '"')
	done := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			e.out = append(e.out, text[done:i]...)
			e.escape(c)
			done = i + 1
		}
	}
	e.out = append(e.out, text[done:]...)
	e.out = append(e.out, '"')
}

func (e *encoder) escape(c byte) {
	switch c {
	case '"', '\\':
		e.out = append(e.out, '\\', c)
	case '\b':
		e.out = append(e.out, `\b`...)
	case '\f':
		e.out = append(e.out, `\f`...)
	case '\n':
		e.out = append(e.out, `\n`...)
	case '\r':
		e.out = append(e.out, `\r`...)
	case '\t':
		e.out = append(e.out, `\t`...)
	default:
		e.out = append(e.out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// quoteUnits writes a string with lone surrogates, which become escapes.
func (e *encoder) quoteUnits(s sobek.String) {
	e.out = append(e.out, '"')
	for i := 0; i < s.Length(); i++ {
		unit := rune(s.CharAt(i))
		switch {
		case unit < ' ' || unit == '"' || unit == '\\':
			e.escape(byte(unit))
		case !utf16.IsSurrogate(unit):
			e.out = utf8.AppendRune(e.out, unit)
		default:
			pair := rune(utf8.RuneError)
			if i+1 < s.Length() {
				pair = utf16.DecodeRune(unit, rune(s.CharAt(i+1)))
			}
			if pair == utf8.RuneError {
				e.out = fmt.Appendf(e.out, `\u%04x`, unit)
				continue
			}
			e.out = utf8.AppendRune(e.out, pair)
			i++
		}
	}
	e.out = append(e.out, '"')
}
