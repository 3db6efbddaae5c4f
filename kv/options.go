package kv

import (
	"fmt"
	"math"
	"strings"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// optionGroups returns the objects that options stand in: "disk" for "disk.timeout".
func optionGroups(names []string) map[string]bool {
	groups := make(map[string]bool)
	for _, name := range names {
		if group, _, nested := strings.Cut(name, "."); nested {
			groups[group] = true
		}
	}
	return groups
}

// readSettings flattens openKv's argument. Names and values are checked in C.
func (i *instance) readSettings(options sobek.Value) ([]xkv.Setting, error) {
	var settings []xkv.Setting

	object, err := optionsObject(i.vu.Runtime(), "openKv", "options", options)
	if object == nil || err != nil {
		return nil, err
	}
	err = i.eachField(object, func(name string, value sobek.Value) error {
		if group, field, dotted := strings.Cut(name, "."); dotted {
			return invalid("there is no option %q; write {%s: {%s: …}}", name, group, field)
		}
		if !i.root.groups[name] {
			settings = append(settings, xkv.Setting{Name: name, Value: scalar(value)})
			return nil
		}
		group, err := optionsObject(i.vu.Runtime(), "openKv", name, value)
		if group == nil || err != nil {
			return err
		}
		return i.eachField(group, func(field string, value sobek.Value) error {
			settings = append(settings, xkv.Setting{Name: name + "." + field, Value: scalar(value)})
			return nil
		})
	})
	return settings, err
}

// optionsObject returns the plain object that an options argument is, nil if
// it was left out.
func optionsObject(rt *sobek.Runtime, call, name string, value sobek.Value) (*sobek.Object, error) {
	if value == nil || sobek.IsUndefined(value) || sobek.IsNull(value) {
		return nil, nil
	}
	object, ok := value.(*sobek.Object)
	plain := false
	if ok {
		// A Proxy's traps are script code.
		if thrown := rt.Try(func() { plain = isPlain(object) }); thrown != nil {
			return nil, thrown
		}
	}
	if !plain {
		return nil, invalid("%s: %s must be a plain object; it is %s", call, name, describe(value))
	}
	return object, nil
}

// isPlain tells objects like {} from arrays, functions, instances of classes …
func isPlain(object *sobek.Object) bool {
	if object.ClassName() != "Object" {
		return false
	}
	prototype := object.Prototype()
	return prototype == nil || prototype.Prototype() == nil
}

// eachField calls do for the object's own fields that are neither undefined nor
// null: those mean the default.
func (i *instance) eachField(object *sobek.Object, do func(string, sobek.Value) error) error {
	var err error
	thrown := i.vu.Runtime().Try(func() { // getters are script code
		for _, name := range object.Keys() {
			value := object.Get(name)
			if sobek.IsUndefined(value) || sobek.IsNull(value) {
				continue
			}
			if err = do(name, value); err != nil {
				return
			}
		}
	})
	if thrown != nil {
		return thrown
	}
	return err
}

// scalar is a value as options have it.
func scalar(value sobek.Value) any {
	if _, isObject := value.(*sobek.Object); isObject {
		return xkv.Other(describe(value))
	}
	switch exported := value.Export().(type) {
	case bool:
		return exported
	case int64:
		return float64(exported)
	case float64:
		return exported
	}
	if text, ok := keyText(value); ok && !strings.ContainsRune(text, 0) {
		return text
	}
	return xkv.Other(describe(value))
}

// field reads one field of a method's options argument into the command.
type field struct {
	name string
	read func(command *xkv.Command, value sobek.Value) (ok bool)
	is   string // what it must be
}

var fieldReaders = map[xkv.Argument]field{
	xkv.Prefix: {is: "a string", read: func(command *xkv.Command, value sobek.Value) (ok bool) {
		command.Prefix, ok = keyText(value)
		return ok
	}},
	xkv.Limit: {is: "an integer", read: func(command *xkv.Command, value sobek.Value) (ok bool) {
		command.Limit, ok = integer(value)
		return ok
	}},
}

// integer reads an integral Number.
func integer(value sobek.Value) (int64, bool) {
	if _, isObject := value.(*sobek.Object); isObject {
		return 0, false
	}
	switch number := value.Export().(type) {
	case int64:
		return number, true
	case float64:
		if math.Trunc(number) == number && math.Abs(number) < 1<<63 {
			return int64(number), true
		}
	}
	return 0, false
}

// newFields lists the fields that the bits stand for.
func newFields(bits xkv.Argument) []field {
	var fields []field
	for bit := xkv.Argument(1); bit <= bits; bit <<= 1 {
		if bits&bit != 0 {
			reader := fieldReaders[bit]
			reader.name = bit.Name()
			fields = append(fields, reader)
		}
	}
	return fields
}

// readFields reads a method's options argument.
func (i *instance) readFields(m *method, command *xkv.Command, options sobek.Value) error {
	object, err := optionsObject(i.vu.Runtime(), m.Name, "options", options)
	if object == nil || err != nil {
		return err
	}
	return i.eachField(object, func(name string, value sobek.Value) error {
		for n := range m.fields {
			if m.fields[n].name != name {
				continue
			}
			if !m.fields[n].read(command, value) {
				return invalid("%s: %s must be %s; it is %s", m.Name, name, m.fields[n].is,
					describe(value))
			}
			return nil
		}
		return unknownField(m, name)
	})
}

func unknownField(m *method, name string) error {
	names := make([]string, len(m.fields))
	for n := range m.fields {
		names[n] = m.fields[n].name
	}
	hint := fmt.Sprintf("; it takes %s", strings.Join(names, ", "))
	if nearest := xkv.Nearest(name, names); nearest != "" {
		hint = fmt.Sprintf("; did you mean %q?", nearest)
	}
	return invalid("%s: there is no option %q%s", m.Name, name, hint)
}
