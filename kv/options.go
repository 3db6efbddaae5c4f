package kv

import (
	"strings"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// optionGroups returns the objects that options stand in: "redis" and "redis.tls" for
// "redis.tls.ca".
func optionGroups(names []string) map[string]bool {
	groups := make(map[string]bool)
	for _, name := range names {
		for at, char := range name {
			if char == '.' {
				groups[name[:at]] = true
			}
		}
	}
	return groups
}

// readSettings flattens openKv's argument. Names and values are checked in C.
func (i *instance) readSettings(options sobek.Value) ([]xkv.Setting, error) {
	var settings []xkv.Setting
	err := i.readGroup("", options, &settings)
	return settings, err
}

// readGroup adds the settings of the object that is the group of this name, "" for all.
func (i *instance) readGroup(group string, options sobek.Value, settings *[]xkv.Setting) error {
	what, within := "options", ""
	if group != "" {
		what, within = group, group+"."
	}
	return i.eachField("openKv", what, options, func(field string, value sobek.Value) error {
		name := within + field
		switch {
		case name == "path" && sobek.IsUndefined(value):
			return invalid("openKv: path is undefined, as a variable that is not set; leave it out " +
				"for the default, ./.k6.kv")
		case isLeftOut(value):
			return nil
		case strings.Contains(field, "."):
			group, rest, _ := strings.Cut(name, ".")
			return invalid("there is no option %q; write {%s: {%s: …}}", name, group, rest)
		case i.root.groups[name]:
			return i.readGroup(name, value, settings)
		}
		*settings = append(*settings, xkv.Setting{Name: name, Value: scalar(value)})
		return nil
	})
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
	return invalid("%s: %s must be a plain object; it is %s", call, name, describeOption(value))
}

// describeOption does not show what may be a URL with a password in it.
func describeOption(value sobek.Value) string {
	if text, isText := value.(sobek.String); isText && strings.Contains(text.String(), "@") {
		return "a string"
	}
	return describe(value)
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
	return xkv.Other(describeOption(value))
}
