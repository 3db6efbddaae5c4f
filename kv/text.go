package kv

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// keyText returns the UTF-8 text of a primitive string. false for everything
// else, and for strings with a lone surrogate, which UTF-8 cannot hold.
func keyText(v sobek.Value) (string, bool) {
	s, ok := v.(sobek.String)
	if !ok {
		return "", false
	}
	text := s.String()
	// As many bytes as UTF-16 units: pure ASCII.
	if len(text) == s.Length() || !hasLoneSurrogate(s, text) {
		return text, true
	}
	return "", false
}

// hasLoneSurrogate tells whether text, which is s as UTF-8, stands for
// something that UTF-8 cannot hold: the runtime puts U+FFFD there.
func hasLoneSurrogate(s sobek.String, text string) bool {
	if !strings.ContainsRune(text, utf8.RuneError) {
		return false
	}
	for i := 0; i < s.Length(); i++ {
		unit := s.CharAt(i)
		if unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		if unit > 0xDBFF || i+1 == s.Length() || s.CharAt(i+1)&0xFC00 != 0xDC00 {
			return true
		}
		i++
	}
	return false
}

// What objects are called in messages, by their class.
var classNames = map[string]string{
	"Array":         "an array",
	"Function":      "a function",
	"AsyncFunction": "a function",
	"Promise":       "a Promise (did you forget await?)",
	"Error":         "an Error",
}

// And by their Go type: the runtime has one class for these and plain objects.
var typeNames = map[reflect.Type]string{
	typeMap:         "a Map",
	typeSet:         "a Set",
	typeArrayBuffer: "an ArrayBuffer",
}

// describe says what a value is, for messages. It runs no code of the script.
func describe(v sobek.Value) string {
	switch value := v.(type) {
	case nil:
		return "undefined"
	case *sobek.Object:
		class := value.ClassName()
		if name := classNames[class]; name != "" {
			return name
		}
		if name := typeNames[value.ExportType()]; name != "" && class == "Object" {
			return name
		}
		if isTyped(value.ExportType()) {
			return "a typed array"
		}
		if class == "Object" {
			return "an object"
		}
		return "a " + class + " object"
	case *sobek.Symbol:
		return "a symbol"
	case sobek.String:
		return describeString(value)
	}
	switch v.Export().(type) {
	case nil:
		return v.String() // undefined or null
	case bool:
		return "a boolean (" + v.String() + ")"
	case int64, float64:
		return "a number (" + v.String() + ")"
	default:
		return "a BigInt"
	}
}

// As much of a string is shown in messages.
const shownLength = 40

func describeString(s sobek.String) string {
	text := s.String()
	if text == "" {
		return "an empty string"
	}
	if hasLoneSurrogate(s, text) {
		return "a string with a lone surrogate, which UTF-8 cannot hold"
	}
	if runes := []rune(text); len(runes) > shownLength {
		text = string(runes[:shownLength]) + "…"
	}
	return `the string "` + text + `"`
}
