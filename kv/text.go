package kv

// JavaScript values as text: keys, the pieces of JSON, and the names that
// error messages give to values.
//
// A JavaScript string is a row of UTF-16 units. Half of a surrogate pair may
// stand in it alone, and then UTF-8 cannot hold it: the runtime's String()
// quietly puts U+FFFD in its place. Nothing here may lose a string that way,
// so U+FFFD always leads to a second look at the units themselves. The same
// look repairs strings that came from Go with bytes that are not UTF-8: the
// script sees U+FFFD in them, and so must the store.

import (
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// keyText returns the text of a primitive string, as long as UTF-8 can hold it.
func keyText(v sobek.Value) (string, bool) {
	s, ok := v.(sobek.String)
	if !ok {
		return "", false
	}
	return exactText(s)
}

// exactText returns a string as UTF-8; false if it has a lone surrogate.
func exactText(s sobek.String) (string, bool) {
	text := s.String()
	if isExact(text) {
		return text, true
	}
	repaired := make([]byte, 0, len(text))
	for i := 0; i < s.Length(); i++ {
		r, two := runeAt(s, i)
		if utf16.IsSurrogate(r) {
			return "", false
		}
		if two {
			i++
		}
		repaired = utf8.AppendRune(repaired, r)
	}
	return string(repaired), true
}

// isExact tells whether what String() returned is certainly the string itself.
func isExact(text string) bool {
	return isASCII(text) || utf8.ValidString(text) && !strings.Contains(text, "\uFFFD")
}

func isInexact(text string) bool { return !isExact(text) }

func isASCII(text string) bool {
	for len(text) >= 8 {
		eight := text[:8]
		if (eight[0]|eight[1]|eight[2]|eight[3]|eight[4]|eight[5]|eight[6]|eight[7])&0x80 != 0 {
			return false
		}
		text = text[8:]
	}
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// runeAt returns the character at a unit, and whether it takes two units. A
// lone surrogate is returned as it is.
func runeAt(s sobek.String, i int) (r rune, two bool) {
	r = rune(s.CharAt(i))
	if utf16.IsSurrogate(r) && i+1 < s.Length() {
		if pair := utf16.DecodeRune(r, rune(s.CharAt(i+1))); pair != utf8.RuneError {
			return pair, true
		}
	}
	return r, false
}

// escapes says how a byte of a string stands in JSON: 0 as it is, 'u' as \u00xx,
// other letters after a backslash.
var escapes = func() (table [utf8.RuneSelf]byte) {
	for c := range byte(' ') {
		table[c] = 'u'
	}
	table['\b'], table['\t'], table['\n'], table['\f'], table['\r'] = 'b', 't', 'n', 'f', 'r'
	table['"'], table['\\'] = '"', '\\'
	return table
}()

const hexDigits = "0123456789abcdef"

// appendQuoted appends a string as JSON.stringify writes it.
func appendQuoted(buf []byte, s sobek.String) []byte {
	text := s.String()
	buf = append(buf, '"')
	plain := 0
	for plain < len(text) && text[plain] < utf8.RuneSelf && escapes[text[plain]] == 0 {
		plain++
	}
	switch {
	case plain == len(text):
		buf = append(buf, text...)
	case isExact(text):
		buf = appendEscaped(buf, text)
	default:
		buf = appendUnits(buf, s)
	}
	return append(buf, '"')
}

// appendEscaped appends valid UTF-8.
func appendEscaped(buf []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf || escapes[c] == 0 {
			continue
		}
		buf = append(buf, text[start:i]...)
		buf = appendEscape(buf, rune(c))
		start = i + 1
	}
	return append(buf, text[start:]...)
}

// appendEscape appends a character of ASCII that has an escape.
func appendEscape(buf []byte, c rune) []byte {
	if escapes[c] == 'u' {
		return append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(buf, '\\', escapes[c])
}

// appendUnits appends any string, with lone surrogates as escapes.
func appendUnits(buf []byte, s sobek.String) []byte {
	for i := 0; i < s.Length(); i++ {
		r, two := runeAt(s, i)
		switch {
		case two:
			i++
			buf = utf8.AppendRune(buf, r)
		case utf16.IsSurrogate(r):
			buf = append(buf, '\\', 'u',
				hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		case r < utf8.RuneSelf && escapes[r] != 0:
			buf = appendEscape(buf, r)
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return buf
}

// maxExact is the end of the range in which every integer has a Number, and
// prints as its digits.
const maxExact = 1 << 53

// appendNumber appends a finite number as JavaScript prints it: the fewest
// digits that read back as the same number (ECMA-262, Number::toString). The
// runtime's own way to do it gives one in 9,000 numbers the digits of its
// neighbour.
func appendNumber(buf []byte, f float64) []byte {
	if integer := int64(f); float64(integer) == f && -maxExact <= integer && integer <= maxExact {
		return strconv.AppendInt(buf, integer, 10)
	}
	if size := math.Abs(f); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(buf, f, 'f', -1, 64)
	}
	buf = strconv.AppendFloat(buf, f, 'e', -1, 64)
	// Go writes 1e-07 where JavaScript has 1e-7.
	if last := len(buf) - 1; buf[last-1] == '0' && (buf[last-2] == '-' || buf[last-2] == '+') {
		buf[last-1] = buf[last]
		buf = buf[:last]
	}
	return buf
}

func isFinite(f float64) bool { return f-f == 0 }

// kind is what an object is, as far as storing it goes.
type kind int

const (
	kindObject kind = iota // plain, or an instance of a class
	kindArray
	kindProxy
	kindFunction
	kindPromise
	kindMap
	kindSet
	kindArrayBuffer
	kindTypedArray
	kindDate
	kindBoxed // new Number(1), new String("s"), new Boolean(true)
	kindBoxedBigInt
	kindBoxedSymbol
	kindHost // something of Go's
)

// The types that the runtime's objects say they export to tell apart what
// their class names do not.
var (
	typeObject      = reflect.TypeFor[map[string]any]()
	typeList        = reflect.TypeFor[[]any]() // arrays and Sets
	typeMap         = reflect.TypeFor[[][2]any]()
	typeProxy       = reflect.TypeFor[sobek.Proxy]()
	typePromise     = reflect.TypeFor[*sobek.Promise]()
	typeArrayBuffer = reflect.TypeFor[sobek.ArrayBuffer]()
	typeBytes       = reflect.TypeFor[[]byte]()
	typeString      = reflect.TypeFor[string]()

	kindOfType = map[reflect.Type]kind{
		typeMap:                      kindMap,
		typePromise:                  kindPromise,
		typeArrayBuffer:              kindArrayBuffer,
		reflect.TypeFor[int64]():     kindBoxed,
		reflect.TypeFor[float64]():   kindBoxed,
		reflect.TypeFor[bool]():      kindBoxed,
		reflect.TypeFor[*big.Int]():  kindBoxedBigInt,
		reflect.TypeFor[[]uint8]():   kindTypedArray,
		reflect.TypeFor[[]int8]():    kindTypedArray,
		reflect.TypeFor[[]uint16]():  kindTypedArray,
		reflect.TypeFor[[]int16]():   kindTypedArray,
		reflect.TypeFor[[]uint32]():  kindTypedArray,
		reflect.TypeFor[[]int32]():   kindTypedArray,
		reflect.TypeFor[[]float32](): kindTypedArray,
		reflect.TypeFor[[]float64](): kindTypedArray,
		reflect.TypeFor[[]int64]():   kindTypedArray,
		reflect.TypeFor[[]uint64]():  kindTypedArray,
		reflect.TypeFor[time.Time](): kindDate,
	}
)

// kindOf runs no script code and never panics.
func kindOf(o *sobek.Object) kind {
	t := o.ExportType()
	if t == typeProxy { // even its class name may throw
		return kindOfProxy(o)
	}
	class := o.ClassName()
	switch {
	case t == typeObject && class == "String":
		return kindBoxed
	case t == typeObject:
		return kindObject
	case class == "Array":
		return kindArray
	case t == typeList:
		return kindSet
	case t.Kind() == reflect.Func || class == "Function":
		return kindFunction
	case t == typeString:
		return kindBoxedSymbol
	}
	found, known := kindOfType[t]
	if !known || found == kindDate && class != "Date" {
		return kindHost
	}
	return found
}

func kindOfProxy(o *sobek.Object) kind {
	if isFunction(o) {
		return kindFunction
	}
	for {
		proxy, ok := o.Export().(sobek.Proxy)
		if !ok {
			break
		}
		if o = proxy.Target(); o == nil { // revoked
			return kindProxy
		}
	}
	if kindOf(o) == kindArray {
		return kindArray
	}
	return kindProxy
}

// describe names a value in a message: "it is …". It runs no script code.
func describe(v sobek.Value) string {
	switch typed := v.(type) {
	case nil:
		return "undefined"
	case sobek.String:
		return describeString(typed)
	case *sobek.Symbol:
		return "a symbol"
	case *sobek.Object:
		return describeObject(typed)
	}
	switch {
	case sobek.IsUndefined(v):
		return "undefined"
	case sobek.IsNull(v):
		return "null"
	case sobek.IsNumber(v) && isFinite(v.ToFloat()):
		return "a number (" + string(appendNumber(nil, v.ToFloat())) + ")"
	case sobek.IsNumber(v):
		return "a number (" + v.String() + ")"
	case sobek.IsBigInt(v):
		return "a BigInt"
	default:
		return "a boolean (" + v.String() + ")"
	}
}

func describeString(s sobek.String) string {
	const most = 40
	text, ok := exactText(s)
	switch {
	case !ok:
		return "a string with a lone surrogate"
	case text == "":
		return "an empty string"
	case len(text) > most:
		return "a string (" + strconv.Quote(shorten(text, most)) + ")"
	default:
		return "a string (" + strconv.Quote(text) + ")"
	}
}

// shorten cuts a text after at most so many bytes, between two characters.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

func describeObject(o *sobek.Object) string {
	switch kindOf(o) {
	case kindArray:
		return "an array"
	case kindFunction:
		return "a function"
	case kindPromise:
		return "a Promise (did you forget await?)"
	case kindMap:
		return "a Map"
	case kindSet:
		return "a Set"
	case kindArrayBuffer:
		return "an ArrayBuffer"
	case kindTypedArray:
		return "a typed array"
	case kindDate:
		return "a Date"
	case kindBoxed:
		return "a " + o.ClassName() + " object"
	case kindBoxedBigInt:
		return "a BigInt object"
	case kindBoxedSymbol:
		return "a symbol"
	default:
		return describeOther(o)
	}
}

func describeOther(o *sobek.Object) string {
	switch {
	case o.ExportType() != typeObject:
		return "an object"
	case o.ClassName() == "Error":
		return "an Error"
	case o.ClassName() == "RegExp":
		return "a RegExp"
	case o.ClassName() != "Object":
		return "an object of the class " + o.ClassName()
	case !isPlain(o):
		return "an object that is an instance of a class"
	default:
		return "an object"
	}
}

// isNegativeZero tells -0, which prints as 0, from 0.
func isNegativeZero(v sobek.Value) bool {
	return sobek.IsNumber(v) && v.ToFloat() == 0 && math.Signbit(v.ToFloat())
}
