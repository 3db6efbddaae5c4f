package kv

// From stored bytes back to JavaScript values.
//
// JSON is read in one pass, straight into the runtime's objects. The text
// becomes one Go string, of which names and strings without escapes are parts:
// they cost no copy. What comes out is what JSON.parse gives, but for lone
// surrogates: the runtime's own loses those. Like that one this refuses numbers
// beyond the range of a double.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

const (
	maxDepth     = 100_000 // nesting: more than is ever stored, but an import may be deeper
	keptElements = 1 << 14 // scratch space for more array elements than this is not kept
)

// unreadable is a stored value that is not what the store's serialization says:
// only a program that uses the C library can have written it.
type unreadable struct {
	key   string // "": that of the call
	cause error
}

func (u *unreadable) Error() string { return u.cause.Error() }

// about is what to say of it.
func (u *unreadable) about(key string) string {
	if u.key != "" {
		key = u.key
	}
	return "the value of key " + quote(key) + strings.TrimPrefix(u.cause.Error(), "the stored value") +
		"; it was stored by another program: set or delete the key, and see to it that the program " +
		"stores JSON"
}

var errNotUTF8 = errors.New("the stored value is not UTF-8")

// decoder turns stored bytes into a virtual user's values.
type decoder struct {
	rt              *sobek.Runtime
	objectPrototype *sobek.Object
	reflectSet      native // looked up when first needed
	busy            bool   // it is running
	yes, no         sobek.Value

	text     string       // what has been loaded
	isASCII  bool         // text is
	strings  int          // how many have been made of it
	whole    sobek.String // all of text, for the runtime; made when it pays
	source   string       // text up to the end of the value
	first    int          // where the value begins
	at       int          // the next byte of source
	depth    int          // of nesting
	elements []any        // of the arrays that are not complete
	resolved []byte       // the last string that had escapes
	block    []byte       // the text of entries, before it is loaded
}

func newDecoder(rt *sobek.Runtime) *decoder {
	return &decoder{
		rt:              rt,
		objectPrototype: rt.NewObject().Prototype(),
		yes:             rt.ToValue(true),
		no:              rt.ToValue(false),
	}
}

// decode makes a value from stored bytes, which it does not keep. It runs no
// script code, unless the script has put its own in the place of Reflect.set.
func (d *decoder) decode(data []byte, s serialization) (sobek.Value, error) {
	if d.busy {
		return newDecoder(d.rt).decode(data, s)
	}
	if s == serializationBinary {
		return d.binary(data), nil
	}
	defer d.release()
	if err := d.load(string(data)); err != nil {
		return nil, err
	}
	v, err := d.part(0, len(data), s)
	if err != nil {
		return nil, &unreadable{cause: err}
	}
	return v, nil
}

// key makes a string from UTF-8.
func (d *decoder) key(data []byte) sobek.Value { return d.rt.ToValue(string(data)) }

func (d *decoder) binary(data []byte) sobek.Value {
	return d.rt.ToValue(d.rt.NewArrayBuffer(bytes.Clone(data)))
}

// load takes text, of which any number of values can then be made, before
// release. They share its memory.
func (d *decoder) load(text string) error {
	d.text, d.whole = text, nil
	d.strings = 0
	d.isASCII = isASCII(text)
	if !d.isASCII && !utf8.ValidString(text) {
		return errNotUTF8
	}
	return nil
}

// part makes a value of a part of the text.
func (d *decoder) part(start, end int, s serialization) (sobek.Value, error) {
	d.source = d.text[:end]
	if s == serializationString {
		return d.plainString(start, end), nil
	}
	d.first, d.at, d.depth = start, start, 0
	d.skipSpace()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	d.skipSpace()
	if d.at < len(d.source) {
		return nil, d.unexpected()
	}
	return v, nil
}

// release lets go of the value, so that nothing stays in memory for a decoder's
// sake.
func (d *decoder) release() {
	d.text, d.source, d.whole = "", "", nil
	clear(d.elements)
	d.elements = d.elements[:0]
	if cap(d.elements) > keptElements {
		d.elements = nil
	}
	if cap(d.resolved) > keptBuffer {
		d.resolved = nil
	}
	if cap(d.block) > keptBuffer {
		d.block = nil
	}
}

func (d *decoder) skipSpace() {
	for d.at < len(d.source) {
		switch d.source[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next returns the next byte that is not space, 0 at the end.
func (d *decoder) next() byte {
	if d.at < len(d.source) && d.source[d.at] > ' ' {
		return d.source[d.at]
	}
	d.skipSpace()
	if d.at < len(d.source) {
		return d.source[d.at]
	}
	return 0
}

func (d *decoder) unexpected() error {
	if d.at >= len(d.source) {
		return errors.New("the stored value is not JSON: it ends too early")
	}
	r, _ := utf8.DecodeRuneInString(d.source[d.at:])
	return fmt.Errorf("the stored value is not JSON: unexpected %q at byte %d", r, d.at-d.first)
}

func (d *decoder) value() (sobek.Value, error) {
	switch d.next() {
	case '"':
		return d.stringValue()
	case '{':
		return d.object()
	case '[':
		return d.array()
	case 't':
		return d.literal("true", d.yes)
	case 'f':
		return d.literal("false", d.no)
	case 'n':
		return d.literal("null", sobek.Null())
	default:
		return d.number()
	}
}

func (d *decoder) literal(word string, v sobek.Value) (sobek.Value, error) {
	if !strings.HasPrefix(d.source[d.at:], word) {
		return nil, d.unexpected()
	}
	d.at += len(word)
	return v, nil
}

func (d *decoder) deeper() error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("the stored value is nested deeper than %d levels", maxDepth)
	}
	d.at++
	return nil
}

// object reads an object. It gets its prototype last: until then nothing that a
// script did to Object.prototype can get between, and even "__proto__" becomes
// a property like any other.
func (d *decoder) object() (sobek.Value, error) {
	if err := d.deeper(); err != nil {
		return nil, err
	}
	o := d.rt.CreateObject(nil)
	for c := d.next(); c != '}'; c = d.next() {
		if c != '"' {
			return nil, d.unexpected()
		}
		if err := d.member(o); err != nil {
			return nil, err
		}
		if d.next() != ',' {
			break
		}
		d.at++
		if d.next() != '"' {
			return nil, d.unexpected()
		}
	}
	if d.next() != '}' {
		return nil, d.unexpected()
	}
	d.at++
	d.depth--
	return o, o.SetPrototype(d.objectPrototype)
}

// member reads one "name": value into an object.
func (d *decoder) member(o *sobek.Object) error {
	name, exact, err := d.name()
	if err != nil {
		return err
	}
	if d.next() != ':' {
		return d.unexpected()
	}
	d.at++
	v, err := d.value()
	if err != nil {
		return err
	}
	if exact != nil {
		return d.setExact(o, exact, v)
	}
	return o.Set(name, v)
}

// name reads the name of a member. It comes as exact if Go cannot hold it.
func (d *decoder) name() (name string, exact sobek.String, err error) {
	start, end, escaped, err := d.quoted()
	if err != nil || !escaped {
		return d.source[start:end], nil, err
	}
	exact, err = d.resolve(d.source[start:end], start)
	return string(d.resolved), exact, err
}

func (d *decoder) setExact(o *sobek.Object, name sobek.String, v sobek.Value) error {
	d.busy = true
	defer func() { d.busy = false }()
	thrown := d.rt.Try(func() {
		if d.reflectSet == nil {
			d.reflectSet = asNative(propertyOf(d.rt.GlobalObject().Get("Reflect"), "set"))
		}
		if d.reflectSet == nil {
			panic(d.rt.NewTypeError("Reflect.set is missing"))
		}
		d.reflectSet(sobek.FunctionCall{Arguments: []sobek.Value{o, name, v}})
	})
	if thrown != nil {
		return thrown
	}
	return nil
}

func (d *decoder) array() (sobek.Value, error) {
	if err := d.deeper(); err != nil {
		return nil, err
	}
	first := len(d.elements)
	for c := d.next(); c != ']'; c = d.next() {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		d.elements = append(d.elements, v)
		if d.next() != ',' {
			break
		}
		d.at++
		if d.next() == ']' {
			return nil, d.unexpected()
		}
	}
	if d.next() != ']' {
		return nil, d.unexpected()
	}
	d.at++
	d.depth--
	array := d.rt.NewArray(d.elements[first:]...)
	clear(d.elements[first:])
	d.elements = d.elements[:first]
	return array, nil
}

// quoted passes over a string, and returns where its text begins and ends.
func (d *decoder) quoted() (start, end int, escaped bool, err error) {
	start = d.at + 1
	for i := start; i < len(d.source); i++ {
		switch c := d.source[i]; {
		case c == '"':
			d.at = i + 1
			return start, i, escaped, nil
		case c == '\\':
			escaped = true
			i++ // not the end, even if a quote follows
		case c < ' ':
			d.at = i
			return 0, 0, false, d.unexpected()
		}
	}
	d.at = len(d.source)
	return 0, 0, false, d.unexpected()
}

func (d *decoder) stringValue() (sobek.Value, error) {
	start, end, escaped, err := d.quoted()
	switch {
	case err != nil:
		return nil, err
	case escaped:
		exact, err := d.resolve(d.source[start:end], start)
		if exact != nil || err != nil {
			return exact, err
		}
		return d.rt.ToValue(string(d.resolved)), nil
	default:
		return d.plainString(start, end), nil
	}
}

// plainString makes a string of a part of the source. The runtime has to look
// through each string for what is not ASCII; from the fourth string on it is
// quicker to let it look at the source once and take parts of that.
func (d *decoder) plainString(start, end int) sobek.Value {
	const few = 3
	if d.strings++; !d.isASCII || d.strings <= few {
		return d.rt.ToValue(d.text[start:end])
	}
	if d.whole == nil {
		d.whole, _ = d.rt.ToValue(d.text).(sobek.String)
	}
	return d.whole.Substring(start, end)
}

// resolve replaces the escapes in the text of a string, which stands at byte
// offset. The result is in d.resolved; but if it has lone surrogates, it is
// returned.
func (d *decoder) resolve(quoted string, offset int) (sobek.String, error) {
	d.resolved = d.resolved[:0]
	lone := false
	for i := 0; i < len(quoted); {
		next := strings.IndexByte(quoted[i:], '\\')
		if next < 0 {
			d.resolved = append(d.resolved, quoted[i:]...)
			break
		}
		d.resolved = append(d.resolved, quoted[i:i+next]...)
		i += next
		r, size := escaped(quoted[i:])
		if size == 0 {
			d.at = offset + i
			return nil, d.unexpected()
		}
		i += size
		if utf16.IsSurrogate(r) {
			lone = true
			d.resolved = append(d.resolved, surrogate(r)...)
		} else {
			d.resolved = utf8.AppendRune(d.resolved, r)
		}
	}
	if lone {
		return withSurrogates(d.resolved), nil
	}
	return nil, nil
}

// escaped returns the character that an escape at the start of text stands for,
// which may be a lone surrogate, and the escape's size, 0 if it is none.
func escaped(text string) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := escapedUnit(text)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if low, ok := escapedUnit(text[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return r, 6
}

// escapedUnit reads an escape like \u20ac.
func escapedUnit(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range []byte(text[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}

// surrogate writes a lone surrogate the way UTF-8 would if it were allowed to.
// withSurrogates knows it by its first byte and its second.
func surrogate(r rune) []byte {
	return []byte{0xED, 0x80 | byte(r>>6&0x3F), 0x80 | byte(r&0x3F)}
}

func withSurrogates(text []byte) sobek.String {
	units := make([]uint16, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			units = append(units, 0xD000|uint16(text[1]&0x3F)<<6|uint16(text[2]&0x3F))
			size = 3
		} else {
			units = utf16.AppendRune(units, r)
		}
		text = text[size:]
	}
	return sobek.StringFromUTF16(units)
}

// number reads a number. Most are short integers, which need no float.
func (d *decoder) number() (sobek.Value, error) {
	const exactDigits = 15
	start := d.at
	negative := d.at < len(d.source) && d.source[d.at] == '-'
	if negative {
		d.at++
	}
	first := d.at
	integer := d.digits()
	switch digits := d.at - first; {
	case digits == 0 || digits > 1 && d.source[first] == '0':
		d.at = min(first+digits, first+1)
		return nil, d.unexpected()
	case digits <= exactDigits && !d.isFloat() && !(negative && integer == 0):
		if negative {
			integer = -integer
		}
		return d.rt.ToValue(integer), nil
	}
	if err := d.fraction(); err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(d.source[start:d.at], 64)
	if err != nil {
		return nil, fmt.Errorf("the stored value has a number that is out of range at byte %d", start-d.first)
	}
	return d.rt.ToValue(f), nil
}

// digits passes over digits. The number that they make is right as long as they
// are few.
func (d *decoder) digits() (integer int64) {
	for ; d.at < len(d.source); d.at++ {
		c := d.source[d.at] - '0'
		if c > 9 {
			break
		}
		integer = integer*10 + int64(c)
	}
	return integer
}

func (d *decoder) isFloat() bool {
	if d.at >= len(d.source) {
		return false
	}
	c := d.source[d.at]
	return c == '.' || c == 'e' || c == 'E'
}

// fraction passes over what may follow the integer part of a number.
func (d *decoder) fraction() error {
	if d.at < len(d.source) && d.source[d.at] == '.' {
		d.at++
		if err := d.someDigits(); err != nil {
			return err
		}
	}
	if d.at < len(d.source) && d.source[d.at]|0x20 == 'e' {
		d.at++
		if d.at < len(d.source) && (d.source[d.at] == '+' || d.source[d.at] == '-') {
			d.at++
		}
		return d.someDigits()
	}
	return nil
}

func (d *decoder) someDigits() error {
	first := d.at
	if d.digits(); d.at == first {
		return d.unexpected()
	}
	return nil
}
