package kv

// Why a value cannot be stored, and where in it that is.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/grafana/sobek"
)

// serializerError is why a value cannot be stored, and where in it that is.
type serializerError struct {
	Message string

	reason string  // what follows the path: "is NaN, …"
	path   []place // innermost first
	back   int     // of a cycle: how far down the path it began; -1 otherwise
}

func (e *serializerError) Error() string { return e.Message }

// place is where a value stands in the object or array around it.
type place struct {
	index int64 // in an array; -1 otherwise
	name  string
	exact sobek.String // the name, if Go cannot hold it
}

// text is the name of a property as UTF-8; false if it has a lone surrogate.
func (p place) text() (string, bool) {
	if p.exact != nil {
		return exactText(p.exact)
	}
	return p.name, true
}

// about is the message with another name for the value.
func (e *serializerError) about(name string) string {
	return name + strings.TrimPrefix(e.Message, "value")
}

func refuse(format string, arguments ...any) *serializerError {
	return &serializerError{reason: fmt.Sprintf(format, arguments...), back: -1}
}

// within adds a step to the path of an error on its way out.
func within(err error, at place) error {
	if refusal, ok := err.(*serializerError); ok {
		refusal.path = append(refusal.path, at)
	}
	return err
}

// finish puts together what an error says.
func finish(err error) error {
	refusal, ok := err.(*serializerError)
	if !ok {
		return err
	}
	slices.Reverse(refusal.path)
	refusal.Message = pathText(refusal.path) + " " + refusal.reason
	if refusal.back >= 0 {
		refusal.Message += " " + pathText(refusal.path[:refusal.back]) +
			", a cycle, which JSON cannot hold"
	}
	return refusal
}

// pathText writes a path as a script would: value.users[3]["first name"]. Of a
// very long one the middle is left out.
func pathText(path []place) string {
	const ends = 8
	var text strings.Builder
	text.WriteString("value")
	for i, at := range path {
		if i >= ends && i < len(path)-ends {
			if i == ends {
				text.WriteString("…")
			}
			continue
		}
		switch {
		case at.index >= 0:
			text.WriteString("[" + strconv.FormatInt(at.index, 10) + "]")
		case at.exact != nil:
			text.WriteString("[" + shorten(string(appendQuoted(nil, at.exact)), 60) + "]")
		case isIdentifier(at.name):
			text.WriteString("." + at.name)
		default:
			text.WriteString(`["` + shorten(string(appendEscaped(nil, at.name)), 60) + `"]`)
		}
	}
	return text.String()
}

func isIdentifier(name string) bool {
	for i, r := range name {
		switch {
		case r == '_' || r == '$' || r != unicode.ReplacementChar && unicode.IsLetter(r):
		case i > 0 && unicode.IsDigit(r):
		default:
			return false
		}
	}
	return name != "" && len(name) <= 60
}
