package kv

// From the arguments of a call to a command.
//
// There is one reader for each kind of argument; which arguments a method has,
// and of what kinds, stands in the library's tables. Much of what is read here
// may be script code (getters, iterators, toJSON, the traps of a Proxy), which
// may call methods itself: nothing that is being filled may be where such a
// call finds it.

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// argument is one that a method takes.
type argument = xkv.ArgumentInfo

// isEncoded tells whether the argument is, or has, a value to be stored. Those
// are read last: what they are encoded to must not be overwritten by a call
// that a getter makes, and nothing is encoded for a call that cannot succeed.
func isEncoded(a *argument) bool {
	return a.Kind == xkv.KindValue || a.Kind == xkv.KindExpected || a.Kind == xkv.KindEntries
}

// request is what the arguments of a call are read into.
type request struct {
	command xkv.Command
	key     string      // which it is about, if it takes one
	value   sobek.Value // the one to be stored, as it was passed
	old     []byte      // what the command expects is kept here
	items   []byte      // and here its items are packed
	bad     []badEntry
}

// begin takes the virtual user's request. There are more only while the code of
// arguments makes calls itself.
func (kv *kvObject) begin(m *method) *request {
	r := kv.spare
	kv.spare = nil
	if r == nil {
		r = &request{}
	}
	r.command.Begin(&m.Operation)
	return r
}

// end lets go of all that the request refers to.
func (kv *kvObject) end(r *request) {
	r.command = xkv.Command{}
	r.key, r.value, r.bad = "", nil, nil
	r.old, r.items = emptied(r.old), emptied(r.items)
	kv.spare = r
}

// emptied returns a buffer for further use, unless it has become large.
func emptied(buffer []byte) []byte {
	if cap(buffer) > keptBuffer {
		return nil
	}
	return buffer[:0]
}

// readArguments reads positional arguments and options.
func (kv *kvObject) readArguments(r *request, m *method, call sobek.FunctionCall) error {
	encodes := false
	for n := range m.Positional {
		a := &m.Positional[n]
		if isEncoded(a) {
			if n >= len(call.Arguments) && m.expects {
				return invalid("%s: %s is missing; it takes %s", m.Name, a.Name,
					namesOf(m.Positional))
			}
			encodes = true
			continue
		}
		if err := kv.readArgument(r, m, a, call.Argument(n)); err != nil {
			return err
		}
	}
	if len(call.Arguments) > len(m.Positional) || m.Required != 0 {
		if err := kv.readOptions(r, m, call); err != nil {
			return err
		}
	}
	if !encodes || kv.isHopeless(r, m) {
		return nil
	}
	for n := range m.Positional {
		if a := &m.Positional[n]; isEncoded(a) {
			if err := kv.readArgument(r, m, a, call.Argument(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readOptions reads what follows the positional arguments: the options, and
// nothing else. Whatever there is too much, kv.clear("user:") or kv.delete(a, b),
// was meant to change what is done, and how must not be guessed.
func (kv *kvObject) readOptions(r *request, m *method, call sobek.FunctionCall) error {
	first := len(m.Positional)
	options := call.Argument(first)
	if len(m.Fields) > 0 || mayBeOptions(options) {
		if err := kv.readFields(r, m, options); err != nil {
			return err
		}
		first++
	}
	for n := first; n < len(call.Arguments); n++ {
		if v := call.Arguments[n]; !sobek.IsUndefined(v) && !isOfCallback(call, n) {
			return surplus(m, n, v)
		}
	}
	return nil
}

// mayBeOptions tells whether a method that takes no options was given some, or
// the words for none.
func mayBeOptions(v sobek.Value) bool {
	object, ok := v.(*sobek.Object)
	return sobek.IsNull(v) || ok && object.ExportType() == typeObject && isPlain(object)
}

// isOfCallback tells whether an argument is one of those that keys.map(kv.get)
// and Array.from(keys, kv.get) add to the first: an index, and after it an array.
func isOfCallback(call sobek.FunctionCall, n int) bool {
	index, ok := integer(call.Argument(1))
	switch {
	case !ok || index < 0:
		return false
	case n == 1:
		return true
	default:
		array, ok := call.Arguments[n].(*sobek.Object)
		return n == 2 && ok && kindOf(array) == kindArray
	}
}

// instead says what does what somebody may have wanted who gave a method more
// than it takes.
var instead = map[string]string{
	"get":    "several keys are read by getMany([…])",
	"exists": "several keys are looked up by getMany([…])",
	"set": "a third argument would be options such as {ttl: …}, in milliseconds, which this version " +
		"does not have; several keys are set by setMany({…})",
	"delete":         "several keys are deleted by deleteMany([…])",
	"deleteIfExists": "several keys are deleted by deleteMany([…])",
	"clear":          "a part of the keys is deleted by deleteByPrefix({prefix, limit}) or deleteMany([…])",
	"size":           "a part of the keys is counted by count({prefix})",
	"releaseClaim":   "several claims are released by releaseClaims([…])",
}

// hint is what to do instead, as the last part of a sentence.
func (m *method) hint() string {
	if words := instead[m.Name]; words != "" {
		return "; " + words
	}
	return ""
}

func surplus(m *method, n int, v sobek.Value) error {
	takes := namesIn(m.Positional)
	if len(m.Fields) > 0 {
		takes = append(takes, "options")
	}
	return invalid("%s: argument %d is one too many; it is %s, and the method is %s(%s)%s",
		m.Name, n+1, describe(v), m.Name, strings.Join(takes, ", "), m.hint())
}

// isHopeless tells whether a call will be refused whatever its values are. Then
// none of their code runs; the words come from where the rule is.
func (kv *kvObject) isHopeless(r *request, m *method) bool {
	return kv.closed || kv.handle.readOnly ||
		m.hasKey && isNoKey(r.key)
}

func isNoKey(key string) bool { return key == "" || len(key) > xkv.KeyMax }

// readFields reads a method's options argument.
func (kv *kvObject) readFields(r *request, m *method, options sobek.Value) error {
	var seen xkv.Argument
	err := kv.eachField(m.Name, "options", options, func(name string, value sobek.Value) error {
		if isLeftOut(value) {
			return nil
		}
		for n := range m.Fields {
			if a := &m.Fields[n]; a.Name == name {
				seen |= a.Bit
				return kv.readArgument(r, m, a, value)
			}
		}
		return unknownField(m, name)
	})
	if err == nil && m.Required&^seen != 0 {
		return missingField(m, m.Required&^seen)
	}
	return err
}

func missingField(m *method, missing xkv.Argument) error {
	n := slices.IndexFunc(m.Fields, func(a argument) bool { return a.Bit&missing != 0 })
	a := &m.Fields[n]
	return invalid("%s: %s is missing; give %s as {%s: …}", m.Name, a.Name, a.Words, a.Name)
}

func unknownField(m *method, name string) error {
	hint := "; it takes no options" + m.hint()
	if len(m.Fields) > 0 {
		hint = "; it takes " + namesOf(m.Fields)
	}
	if nearest := xkv.Nearest(name, namesIn(m.Fields)); nearest != "" {
		hint = fmt.Sprintf("; did you mean %q?", nearest)
	}
	return invalid("%s: there is no option %q%s", m.Name, name, hint)
}

func namesIn(arguments []argument) []string {
	names := make([]string, len(arguments))
	for n := range arguments {
		names[n] = arguments[n].Name
	}
	return names
}

func namesOf(arguments []argument) string { return strings.Join(namesIn(arguments), ", ") }

// readArgument reads an argument of any kind.
func (kv *kvObject) readArgument(r *request, m *method, a *argument, v sobek.Value) error {
	switch a.Kind {
	case xkv.KindKey, xkv.KindText:
		return r.readText(m, a, v)
	case xkv.KindInteger:
		return r.readInteger(m, a, v)
	case xkv.KindDuration:
		return r.readDuration(m, a, v)
	case xkv.KindBoolean:
		return kv.readBoolean(r, m, a, v)
	case xkv.KindKeys, xkv.KindTexts:
		return kv.readKeys(r, m, a, v)
	case xkv.KindEntries:
		return kv.readEntries(r, m, a, v)
	case xkv.KindClaim:
		return kv.readClaim(r, m, a, v)
	case xkv.KindClaims:
		return kv.readClaims(r, m, a, v)
	case xkv.KindExpected:
		return kv.readExpected(r, m, a, v)
	default:
		return kv.readValue(r, m, a, v)
	}
}

func wrongType(m *method, a *argument, v sobek.Value) error {
	return &xkv.Error{Code: a.TypeError, Message: fmt.Sprintf("%s: %s must be %s; it is %s", m.Name,
		a.Name, a.Words, describe(v))}
}

func (r *request) readText(m *method, a *argument, v sobek.Value) error {
	text, ok := keyText(v)
	if !ok {
		return wrongType(m, a, v)
	}
	if text == "" && a.Min > 0 { // C would take it for one that was left out
		return isEmpty(m, a)
	}
	if a.Kind == xkv.KindKey {
		r.key = text
	}
	r.command.SetText(a.Slot, text)
	return nil
}

func isEmpty(m *method, a *argument) error {
	hint := ", or leave it out"
	if m.Required&a.Bit != 0 || a.Kind == xkv.KindKey {
		hint = ""
	}
	return invalid("%s: %s must not be empty; give %s%s", m.Name, a.Name, a.Words, hint)
}

func (r *request) readInteger(m *method, a *argument, v sobek.Value) error {
	number, ok := integer(v)
	switch {
	case !ok:
		return wrongType(m, a, v)
	case number < a.Min || number > a.Max:
		return xkv.CheckInteger(m.Op, a.Bit, number)
	}
	r.command.SetNumber(a.Slot, number)
	return nil
}

// readDuration reads a number of milliseconds, or text, which C understands.
func (r *request) readDuration(m *method, a *argument, v sobek.Value) error {
	text, ok := keyText(v)
	if !ok {
		return r.readInteger(m, a, v)
	}
	ms, err := xkv.ReadDuration(m.Op, a.Bit, text)
	r.command.SetNumber(a.Slot, ms)
	return err
}

// integer reads an integral Number.
func integer(v sobek.Value) (int64, bool) {
	if _, isObject := v.(*sobek.Object); isObject || v == nil {
		return 0, false
	}
	switch number := v.Export().(type) {
	case int64:
		return number, true
	case float64:
		if math.Trunc(number) == number && -1<<63 <= number && number < 1<<63 {
			return int64(number), true
		}
	}
	return 0, false
}

func (kv *kvObject) readBoolean(r *request, m *method, a *argument, v sobek.Value) error {
	if v != kv.decoder.yes && v != kv.decoder.no {
		return wrongType(m, a, v)
	}
	r.command.SetFlag(a.Bit, v == kv.decoder.yes)
	return nil
}

// Values.

func (kv *kvObject) readValue(r *request, m *method, a *argument, v sobek.Value) error {
	data, err := kv.encoder.encode(v, kv.handle.serialization)
	if err != nil {
		return unstorable(r, m, a, err)
	}
	r.command.SetBytes(a.Slot, data)
	r.value = v
	return nil
}

// readExpected reads what must be there. It may be nothing, which null only means to
// a method that stores something in its place.
func (kv *kvObject) readExpected(r *request, m *method, a *argument, v sobek.Value) error {
	switch {
	case sobek.IsUndefined(v):
		r.command.Expect(xkv.ExpectAbsent)
		return nil
	case sobek.IsNull(v) && m.replaces && kv.handle.serialization != serializationJSON:
		r.command.Expect(xkv.ExpectAbsent) // there is no null to be found
		return nil
	case sobek.IsNull(v) && m.replaces:
		r.command.Expect(xkv.ExpectAbsentOrValue)
	}
	data, err := kv.encoder.encode(v, kv.handle.serialization)
	if err != nil {
		return unstorable(r, m, a, err)
	}
	r.old = append(r.old, data...) // the encoder writes the new value into the same place
	r.command.SetBytes(a.Slot, r.old)
	return nil
}

// unstorable turns an encoder's error into the call's.
func unstorable(r *request, m *method, a *argument, err error) error {
	var refusal *serializerError
	if !errors.As(err, &refusal) {
		return err // thrown by the value's own code
	}
	place := m.Name
	if m.hasKey {
		place += " " + quote(r.key)
	}
	return &xkv.Error{Code: xkv.Serializer, Message: place + ": " + refusal.about(a.Name)}
}

// quote shows a key in a message, cut if it is long.
func quote(key string) string {
	const shown = 60
	if len(key) <= shown {
		return strconv.Quote(key)
	}
	return strconv.Quote(strings.ToValidUTF8(key[:shown], "")) + "…"
}
