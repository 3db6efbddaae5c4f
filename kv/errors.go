package kv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// errorMaker makes the Error objects that scripts get.
type errorMaker struct {
	rt          *sobek.Runtime
	constructor sobek.Value // as it was before any script could change it
}

func newErrorMaker(rt *sobek.Runtime) *errorMaker {
	return &errorMaker{rt: rt, constructor: rt.GlobalObject().Get("Error")}
}

// make returns a real Error object with the name of a code. Its stack is the
// script's at this moment.
func (m *errorMaker) make(code xkv.Code, message string) sobek.Value {
	object, err := m.rt.New(m.constructor, m.rt.ToValue(message))
	if err != nil {
		return m.rt.ToValue(code.Name() + ": " + message)
	}
	m.hide(object, "name", m.rt.ToValue(code.Name()))
	return object
}

// at gives an error the stack of a call that was made earlier.
func (m *errorMaker) at(object *sobek.Object, code xkv.Code, message string,
	stack []sobek.StackFrame,
) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: %s\n", code.Name(), message)
	for i := range stack {
		text.WriteString("\tat ")
		stack[i].Write(&text)
		text.WriteByte('\n')
	}
	m.hide(object, "stack", m.rt.ToValue(text.String()))
}

// hide sets a property as Error has them: not enumerable.
func (m *errorMaker) hide(object *sobek.Object, name string, value sobek.Value) {
	_ = object.DefineDataProperty(name, value, sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_FALSE)
}

// from turns a Go error into what the script gets: what it threw itself comes
// back as it was. stack is the call's, nil if it is the current one.
func (m *errorMaker) from(err error, stack []sobek.StackFrame) sobek.Value {
	var (
		thrown *sobek.Exception
		ours   *xkv.Error
	)
	switch {
	case errors.As(err, &thrown):
		return thrown.Value()
	case !errors.As(err, &ours):
		ours = &xkv.Error{Code: xkv.Internal, Message: err.Error()}
	}
	value := m.make(ours.Code, ours.Message)
	object, ok := value.(*sobek.Object)
	if !ok {
		return value
	}
	if stack != nil {
		m.at(object, ours.Code, ours.Message, stack)
	}
	var entries *entriesError
	if errors.As(err, &entries) {
		m.hide(object, "errors", m.list(entries.entries))
	}
	return object
}

// entriesError is one error for several entries.
type entriesError struct {
	summary xkv.Error
	entries []badEntry
}

func (e *entriesError) Error() string { return e.summary.Error() }

func (e *entriesError) Unwrap() error { return &e.summary }

// list makes a {key, name, message} of each entry.
func (m *errorMaker) list(entries []badEntry) sobek.Value {
	list := make([]any, len(entries))
	for n, entry := range entries {
		object := m.rt.NewObject()
		define(object, "key", entry.key)
		define(object, "name", m.rt.ToValue(entry.cause.Code.Name()))
		define(object, "message", m.rt.ToValue(entry.cause.Message))
		list[n] = object
	}
	return m.rt.NewArray(list...)
}

func invalid(format string, arguments ...any) error {
	return &xkv.Error{Code: xkv.InvalidOptions, Message: fmt.Sprintf(format, arguments...)}
}
