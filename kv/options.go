package kv

import (
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

	err := i.eachField("openKv", "options", options, func(name string, value sobek.Value) error {
		if name == "path" && sobek.IsUndefined(value) {
			return invalid("openKv: path is undefined, as a variable that is not set; leave it out " +
				"for the default, ./.k6.kv")
		}
		if isLeftOut(value) {
			return nil
		}
		if group, field, dotted := strings.Cut(name, "."); dotted {
			return invalid("there is no option %q; write {%s: {%s: …}}", name, group, field)
		}
		if !i.root.groups[name] {
			settings = append(settings, xkv.Setting{Name: name, Value: scalar(value)})
			return nil
		}
		return i.eachField("openKv", name, value, func(field string, value sobek.Value) error {
			if !isLeftOut(value) {
				settings = append(settings, xkv.Setting{Name: name + "." + field, Value: scalar(value)})
			}
			return nil
		})
	})
	return settings, err
}

// isLeftOut tells whether a field, or all options, mean the default.
func isLeftOut(value sobek.Value) bool {
	return value == nil || sobek.IsUndefined(value) || sobek.IsNull(value)
}

// eachField calls do for the own fields of an options argument.
func (i *instance) eachField(call, name string, options sobek.Value,
	do func(string, sobek.Value) error,
) error {
	if isLeftOut(options) {
		return nil
	}
	object, ok := options.(*sobek.Object)
	if !ok {
		return notPlain(call, name, options)
	}
	var err error
	thrown := i.vu.Runtime().Try(func() { // getters and a Proxy's traps are script code
		if !isPlain(object) {
			err = notPlain(call, name, options)
			return
		}
		for _, name := range object.Keys() {
			if err = do(name, object.Get(name)); err != nil {
				return
			}
		}
	})
	if thrown != nil {
		return thrown
	}
	return err
}

func notPlain(call, name string, value sobek.Value) error {
	return invalid("%s: %s must be a plain object; it is %s", call, name, describe(value))
}

// isPlain tells objects like {} from arrays, functions, instances of classes …
func isPlain(object *sobek.Object) bool {
	if object.ClassName() != "Object" {
		return false
	}
	prototype := object.Prototype()
	return prototype == nil || prototype.ExportType() != typeProxy && prototype.Prototype() == nil
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
