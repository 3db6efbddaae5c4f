package kv

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// decoder turns stored bytes into values of one virtual user's runtime. JSON is
// read straight into the runtime's objects: an intermediate value would cost
// more than the reading.
type decoder struct {
	rt             *sobek.Runtime
	defineProperty sobek.Callable // Reflect.defineProperty
	doc            string
	at             int
	depth          int
}

var errBadJSON = errors.New("the stored value is not valid JSON")

// decodeDepth is how deep values may be nested: more than the encoder writes,
// since other programs may have written them.
const decodeDepth = 2 * maxDepth

func newDecoder(rt *sobek.Runtime) *decoder {
	return &decoder{rt: rt, defineProperty: builtin(rt, "Reflect", "defineProperty")}
}

// text returns bytes that are UTF-8 as a JavaScript string.
func (d *decoder) text(data []byte) sobek.Value { return d.rt.ToValue(string(data)) }

// decode returns the value that bytes stand for. They are not kept.
func (d *decoder) decode(data []byte, s serialization) (sobek.Value, error) {
	switch s {
	case serializationString:
		return d.text(data), nil
	case serializationBinary:
		return d.rt.ToValue(d.rt.NewArrayBuffer(append(make([]byte, 0, len(data)), data...))), nil
	}
	// One string for all: strings inside are parts of it.
	d.doc, d.at, d.depth = string(data), 0, 0
	defer func() { d.doc = "" }()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if d.space(); d.at != len(d.doc) {
		return nil, errBadJSON
	}
	return v, nil
}

func (d *decoder) space() {
	for d.at < len(d.doc) {
		switch d.doc[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next returns the next byte that is not space without taking it; 0 at the end.
func (d *decoder) next() byte {
	if d.at < len(d.doc) {
		if c := d.doc[d.at]; c > ' ' {
			return c
		}
	}
	d.space()
	if d.at < len(d.doc) {
		return d.doc[d.at]
	}
	return 0
}

func (d *decoder) value() (sobek.Value, error) {
	switch c := d.next(); c {
	case '{':
		return d.nested(d.object)
	case '[':
		return d.nested(d.array)
	case '"':
		return d.string()
	case 't':
		return d.word("true", d.rt.ToValue(true))
	case 'f':
		return d.word("false", d.rt.ToValue(false))
	case 'n':
		return d.word("null", sobek.Null())
	default:
		return d.number()
	}
}

func (d *decoder) word(word string, v sobek.Value) (sobek.Value, error) {
	if !strings.HasPrefix(d.doc[d.at:], word) {
		return nil, errBadJSON
	}
	d.at += len(word)
	return v, nil
}

func (d *decoder) nested(read func() (sobek.Value, error)) (sobek.Value, error) {
	if d.depth++; d.depth > decodeDepth {
		return nil, errBadJSON
	}
	d.at++
	v, err := read()
	d.depth--
	return v, err
}

func (d *decoder) object() (sobek.Value, error) {
	object := d.rt.NewObject()
	if d.next() == '}' {
		d.at++
		return object, nil
	}
	for {
		if d.next() != '"' {
			return nil, errBadJSON
		}
		name, units, err := d.scan()
		if err != nil {
			return nil, err
		}
		if d.next() != ':' {
			return nil, errBadJSON
		}
		d.at++
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if units == nil {
			define(object, name, v)
		} else if err := d.defineStrange(object, sobek.StringFromUTF16(units), v); err != nil {
			return nil, err
		}
		switch d.next() {
		case ',':
			d.at++
		case '}':
			d.at++
			return object, nil
		default:
			return nil, errBadJSON
		}
	}
}

// defineStrange is define for a name with a lone surrogate, which no Go string
// can hold.
func (d *decoder) defineStrange(object *sobek.Object, name sobek.String, v sobek.Value) error {
	property := d.rt.CreateObject(nil)
	define(property, "value", v)
	for _, flag := range []string{"writable", "enumerable", "configurable"} {
		define(property, flag, d.rt.ToValue(true))
	}
	_, err := d.defineProperty(sobek.Undefined(), object, name, property)
	return err
}

func (d *decoder) array() (sobek.Value, error) {
	var items []any
	if d.next() == ']' {
		d.at++
		return d.rt.NewArray(), nil
	}
	for {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.at++
			return d.rt.NewArray(items...), nil
		default:
			return nil, errBadJSON
		}
	}
}

// -- numbers -------------------------------------------------------------------

func (d *decoder) digits() (count int) {
	start := d.at
	for d.at < len(d.doc) && d.doc[d.at]-'0' <= 9 {
		d.at++
	}
	return d.at - start
}

// number reads what JSON's grammar allows, and no more.
func (d *decoder) number() (sobek.Value, error) {
	start := d.at
	if d.at < len(d.doc) && d.doc[d.at] == '-' {
		d.at++
	}
	first := d.at
	count := d.digits()
	if count == 0 || count > 1 && d.doc[first] == '0' {
		return nil, errBadJSON
	}
	integral := true
	if d.at < len(d.doc) && d.doc[d.at] == '.' {
		integral = false
		d.at++
		if d.digits() == 0 {
			return nil, errBadJSON
		}
	}
	if d.at < len(d.doc) && d.doc[d.at]|0x20 == 'e' {
		integral = false
		d.at++
		if d.at < len(d.doc) && (d.doc[d.at] == '+' || d.doc[d.at] == '-') {
			d.at++
		}
		if d.digits() == 0 {
			return nil, errBadJSON
		}
	}
	return d.toNumber(d.doc[start:d.at], integral && count <= 15), nil
}

func (d *decoder) toNumber(text string, small bool) sobek.Value {
	if text == "-0" {
		return d.rt.ToValue(math.Copysign(0, -1))
	}
	if small {
		number, _ := strconv.ParseInt(text, 10, 64)
		return d.rt.ToValue(number)
	}
	number, _ := strconv.ParseFloat(text, 64) // out of range: infinite, as in JSON.parse
	return d.rt.ToValue(number)
}

// -- strings -------------------------------------------------------------------

func (d *decoder) string() (sobek.Value, error) {
	text, units, err := d.scan()
	if err != nil {
		return nil, err
	}
	if units != nil {
		return sobek.StringFromUTF16(units), nil
	}
	return d.rt.ToValue(text), nil
}

// scan reads a string. units is only set if there are lone surrogates in it.
func (d *decoder) scan() (text string, units []uint16, err error) {
	d.at++
	start := d.at
	for i := start; i < len(d.doc); i++ {
		switch c := d.doc[i]; {
		case c == '"':
			d.at = i + 1
			return d.doc[start:i], nil, nil
		case c == '\\':
			return d.unescape(start, i)
		case c < ' ':
			return "", nil, errBadJSON
		}
	}
	return "", nil, errBadJSON
}

var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// unescape reads on from the first backslash, at i, of a string begun at start.
func (d *decoder) unescape(start, i int) (text string, units []uint16, err error) {
	out := []byte(d.doc[start:i])
	lone := false
	for i < len(d.doc) {
		c := d.doc[i]
		switch {
		case c == '"':
			d.at = i + 1
			if lone {
				return "", fromWTF8(out), nil
			}
			return string(out), nil, nil
		case c < ' ':
			return "", nil, errBadJSON
		case c != '\\':
			out = append(out, c)
			i++
		case i+1 < len(d.doc) && escapes[d.doc[i+1]] != 0:
			out = append(out, escapes[d.doc[i+1]])
			i += 2
		default:
			unit, ok := d.unit(i)
			if !ok {
				return "", nil, errBadJSON
			}
			i += 6
			if utf16.IsSurrogate(unit) {
				low, _ := d.unit(i)
				if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
					unit = pair
					i += 6
				}
			}
			lone = lone || utf16.IsSurrogate(unit)
			out = appendWTF8(out, unit)
		}
	}
	return "", nil, errBadJSON
}

// unit reads the escape \uXXXX at i.
func (d *decoder) unit(i int) (rune, bool) {
	if i+6 > len(d.doc) || d.doc[i] != '\\' || d.doc[i+1] != 'u' {
		return 0, false
	}
	number, err := strconv.ParseUint(d.doc[i+2:i+6], 16, 16)
	return rune(number), err == nil
}

// appendWTF8 is UTF-8 that can also hold a lone surrogate, in three bytes.
func appendWTF8(out []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return utf8.AppendRune(out, r)
}

func fromWTF8(data []byte) []uint16 {
	var units []uint16
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 { // the three bytes of a surrogate
			units = append(units, uint16(data[i]&0xF)<<12|uint16(data[i+1]&0x3F)<<6|uint16(data[i+2]&0x3F))
			i += 3
			continue
		}
		units = utf16.AppendRune(units, r)
		i += size
	}
	return units
}
