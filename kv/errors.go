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
	m.hide(object, "name", code.Name())
	return object
}

// makeAt does the same for a call that was made earlier, with its stack.
func (m *errorMaker) makeAt(code xkv.Code, message string, stack []sobek.StackFrame) sobek.Value {
	value := m.make(code, message)
	object, ok := value.(*sobek.Object)
	if !ok {
		return value
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: %s\n", code.Name(), message)
	for i := range stack {
		text.WriteString("\tat ")
		stack[i].Write(&text)
		text.WriteByte('\n')
	}
	m.hide(object, "stack", text.String())
	return object
}

// hide sets a property as Error has them: not enumerable.
func (m *errorMaker) hide(object *sobek.Object, name, value string) {
	_ = object.DefineDataProperty(name, m.rt.ToValue(value),
		sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_FALSE)
}

// from turns a Go error into what the script gets: what it threw itself comes
// back as it was.
func (m *errorMaker) from(err error) sobek.Value {
	var (
		thrown *sobek.Exception
		ours   *xkv.Error
	)
	switch {
	case errors.As(err, &thrown):
		return thrown.Value()
	case errors.As(err, &ours):
		return m.make(ours.Code, ours.Message)
	default:
		return m.make(xkv.Internal, err.Error())
	}
}

func invalid(format string, arguments ...any) error {
	return &xkv.Error{Code: xkv.InvalidOptions, Message: fmt.Sprintf(format, arguments...)}
}
