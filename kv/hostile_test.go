package kv

// Values whose own code throws, never ends, changes what is being read, or has
// replaced the objects that it is read with.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/sobek"
)

// Values whose own code throws: what it threw comes back as it is.
func TestThrown(t *testing.T) {
	f := newFixture(t)
	f.js(`var thrown = {own: "error"}; function fail() { throw thrown }`)
	for _, source := range []string{
		`({get a() { fail() }})`,
		`[{b: {get a() { fail() }}}]`,
		`Object.defineProperty([1], 0, {get: fail})`,
		`({toJSON: fail})`,
		`({get toJSON() { fail() }})`,
		`new Proxy({}, {get: fail})`,
		`new Proxy({a: 1}, {ownKeys: fail})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? fail() : t[k]})`,
		`new Proxy({a: 1}, {getOwnPropertyDescriptor: fail})`,
		`Object.assign(new Number(1), {valueOf: fail})`,
		`Object.assign(new String(1), {toString: fail})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? {valueOf: fail} : t[k]})`,
		`(() => { BigInt.prototype.toJSON = fail; return [1n] })()`,
	} {
		_, err := f.e.encode(f.js(source), serializationJSON)
		var exception *sobek.Exception
		if !errors.As(err, &exception) || exception.Value() != f.js("thrown") {
			t.Errorf("%s: %v", source, err)
		}
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after exceptions: %q", got)
	}
}

// Errors that the runtime itself throws while a value is read.
func TestRuntimeThrows(t *testing.T) {
	f := newFixture(t)
	for _, source := range []string{
		`(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()`,
		`(() => { const p = Proxy.revocable([], {}); p.revoke(); return [p.proxy] })()`,
		`(() => { const p = Proxy.revocable({a: 1}, {get: (t, k) => k === "toJSON" && p.revoke()}); return p.proxy })()`,
		`new Proxy([1], {get: (t, k) => k === "length" ? Symbol() : t[k]})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? 1n : t[k]})`,
		`({toJSON: class {}})`,
		`Object.assign(new Number(1), {valueOf: () => ({}), toString: () => ({})})`,
	} {
		v := f.js(source)
		_, err := f.e.encode(v, serializationJSON)
		if _, wrong := f.stringify(nil, v); wrong == nil {
			t.Errorf("%s: JSON.stringify takes it", source)
		}
		var exception *sobek.Exception
		if !errors.As(err, &exception) || !strings.Contains(exception.String(), "TypeError") {
			t.Errorf("%s: %v", source, err)
		}
		_ = describe(v)
		_, _ = f.e.encode(v, serializationString)
		_, _ = f.e.encode(v, serializationBinary)
	}
}

// What a value's own code does while it is read must show, or not, as with
// JSON.stringify.
func TestChangesWhileRead(t *testing.T) {
	f := newFixture(t)
	for _, source := range []string{
		`(() => { const a = [{get x() { a.length = 1; return 1 }}, 2, 3]; return a })()`,
		`(() => { const a = [{get x() { a.length = 0; a.push(7); return 1 }}, ...Array(40).fill(2)]; return a })()`,
		`(() => { const a = [{get x() { a.push(9); return 1 }}, 2]; return a })()`,
		`(() => { const a = [{get x() { for (let i = 0; i < 100; i++) a.push(9); a[1] = 3; return 1 }}, 2]; return a })()`,
		`(() => { const a = Object.defineProperty([1, 2, 3], 0, {get() { a[1] = 5; a.length = 2; return 0 }}); return a })()`,
		`(() => { const o = {get a() { delete o.b; o.d = 4; return 1 }, b: 2, c: 3}; return o })()`,
		`(() => { const o = {get a() { o.b = [1]; return 1 }, b: 2}; return o })()`,
		`(() => { const o = {a: {toJSON() { o.b = undefined; return 1 }}, b: 2}; return o })()`,
		`(() => { const o = {get a() { Object.defineProperty(o, "b", {enumerable: false}); return 1 }, b: 2}; return o })()`,
		`(() => { const o = {get a() { Object.setPrototypeOf(o, {b: 9}); delete o.b; return 1 }, b: 2}; return o })()`,
		`(() => { let n = 0; const o = {get a() { return n++ }, b: {get c() { return n++ }}, get d() { return n++ }}; const r = [o, {get e() { return n++ }}]; r.reset = () => { n = 0 }; return r })()`,
		`(() => { const log = []; return new Proxy({a: {get b() { return log.join() }}, c: 1}, {
			get(t, k) { log.push(String(k)); return t[k] },
			ownKeys(t) { log.push("ownKeys"); return Reflect.ownKeys(t) },
			getOwnPropertyDescriptor(t, k) { log.push("own " + String(k)); return Reflect.getOwnPropertyDescriptor(t, k) },
			getPrototypeOf(t) { log.push("proto"); return Reflect.getPrototypeOf(t) }}) })()`,
		`new Proxy([], {get: (t, k) => k === "length" ? "2" : k})`,
		`new Proxy([], {get: (t, k) => k === "length" ? -5 : k})`,
		`new Proxy([], {get: (t, k) => k === "length" ? 1.9 : k})`,
	} {
		want := f.call(f.stringify, f.js(source)).String()
		if got := f.stored(f.js(source), serializationJSON); got != want {
			t.Errorf("%s:\n got %s\nwant %s", source, got, want)
		}
	}
}

// A toJSON that stores values itself gets an encoder of its own.
func TestReentry(t *testing.T) {
	f := newFixture(t)
	var inner []string
	set := func(call sobek.FunctionCall) sobek.Value {
		data, err := f.e.encode(call.Argument(0), serializationJSON)
		if err != nil {
			panic(f.rt.ToValue(err.Error()))
		}
		inner = append(inner, string(data))
		return sobek.Undefined()
	}
	if err := f.rt.Set("set", set); err != nil {
		t.Fatal(err)
	}
	got := f.stored(f.js(`({a: {toJSON() { set({x: [1, {toJSON() { set([2]); return 3 }}]}); return 4 }}, b: 5})`), serializationJSON)
	if got != `{"a":4,"b":5}` || fmt.Sprint(inner) != `[[2] {"x":[1,3]}]` {
		t.Errorf("%s, inner %s", got, inner)
	}

	_, err := f.e.encode(f.js(`var calls = 0; ({toJSON() { calls++; set(this); return 1 }})`), serializationJSON)
	if err == nil || !strings.Contains(err.Error(), "and so on 100 times") {
		t.Errorf("endless reentry: %v", err)
	}
	if calls := f.js("calls").ToInteger(); calls != 1+maxReentry {
		t.Errorf("%d calls", calls)
	}
	if got := f.stored(f.js(`[1]`), serializationJSON); got != "[1]" {
		t.Errorf("after an error: %q", got)
	}
}

func TestEndlessCode(t *testing.T) {
	f := newFixture(t)
	message := f.refused(f.js(`({a: {toJSON() { return {next: this} }}})`), serializationJSON)
	if !strings.HasSuffix(message, "is nested deeper than 10000 levels") {
		t.Error(message)
	}
	f.rt.SetMaxCallStackSize(500)
	message = f.refused(f.js(`({toJSON() { return this.toJSON() }})`), serializationJSON)
	if !strings.Contains(message, "never ends") {
		t.Error(message)
	}
	message = f.refused(f.js(`({get a() { return this.a }})`), serializationJSON)
	if !strings.Contains(message, "never ends") {
		t.Error(message)
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after errors: %q", got)
	}
}

// An interrupt ends the script that called, and leaves the encoder usable.
func TestInterrupt(t *testing.T) {
	f := newFixture(t)
	call := func(call sobek.FunctionCall) sobek.Value {
		_, err := f.e.encode(call.Argument(0), serializationJSON)
		t.Errorf("encode came back: %v", err)
		return sobek.Undefined()
	}
	if err := f.rt.Set("encode", call); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		`encode({toJSON() { for (;;); }})`,
		`encode([{get a() { for (;;); }}])`,
		`try { encode(new Proxy({}, {ownKeys() { for (;;); }})) } catch (e) {} finally { never() }`,
	} {
		timer := time.AfterFunc(20*time.Millisecond, func() { f.rt.Interrupt("stop") })
		_, err := f.rt.RunString(source)
		timer.Stop()
		var interrupt *sobek.InterruptedError
		if !errors.As(err, &interrupt) || interrupt.Value() != "stop" {
			t.Errorf("%s: %v", source, err)
		}
		f.rt.ClearInterrupt()
		if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
			t.Errorf("after an interrupt: %q", got)
		}
	}
}

// Go code that is called while a value is read may panic with anything.
func TestGoPanics(t *testing.T) {
	f := newFixture(t)
	for name, trouble := range map[string]func(){
		"boom":         func() { panic("boom") },
		"nil map":      func() { var m map[string]int; m["a"] = 1 },
		"out of range": func() { _ = []int{}[len(f.Name())] },
		"an error":     func() { panic(errors.New("an error")) },
	} {
		if err := f.rt.Set("trouble", trouble); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{`({a: {toJSON: trouble}})`, `({get a() { try { trouble() } finally { } }})`} {
			message := f.refused(f.js(source), serializationJSON)
			if !strings.Contains(message, " cannot be read: ") || !strings.Contains(message, name) {
				t.Error(message)
			}
		}
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after panics: %q", got)
	}
}

// A script may change the built-in objects as it likes.
func TestPatchedBuiltins(t *testing.T) {
	f := newFixture(t)
	f.js(`
		Object.keys = Reflect.get = Reflect.set = Reflect.apply = () => { throw 1 };
		Function.prototype.apply = Array.prototype[Symbol.iterator] = () => { throw 2 };
		Object.prototype.inherited = 1;
		Object.defineProperty(Object.prototype, "trap", {set() { throw 3 }, get() { return 4 }});
		Object.defineProperty(Array.prototype, 1, {get() { return "hole" }, set() { throw 5 }});
	`)
	if got := f.stored(f.js(`({a: [1], b: {c: 2}})`), serializationJSON); got != `{"a":[1],"b":{"c":2}}` {
		t.Error(got)
	}
	v, err := f.d.decode([]byte(`{"trap":{"a":[1,2,3]},"inherited":2}`), serializationJSON)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.stored(v, serializationJSON); got != `{"trap":{"a":[1,2,3]},"inherited":2}` {
		t.Error(got)
	}
	if want, got := f.call(f.stringify, f.js(`[1,,3]`)).String(), f.stored(f.js(`[1,,3]`), serializationJSON); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Names that Go cannot hold are read and set by functions that a script may
// have replaced: then its own code runs, but nothing breaks.
func TestPatchedReflect(t *testing.T) {
	const text = `{"a":[1],"\ud800":{"\udc00":2},"b":[3,4]}`
	for _, patch := range []string{
		`Reflect.set = (o, k, v) => { decode('[[["x"]]]'); o[k] = v; decode('{"y":'); return true }`,
		`Reflect.get = (o, k) => { decode('[5]'); return o[k] }`,
		`Object.keys = o => { decode('[5]'); return Reflect.ownKeys(o) }`,
	} {
		f := newFixture(t)
		f.setDecode()
		f.js(patch)
		v, err := f.d.decode([]byte(text), serializationJSON)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.stored(v, serializationJSON); got != text {
			t.Errorf("%s: %s", patch, got)
		}
	}
	for _, patch := range []string{
		`Reflect = undefined`, `delete Reflect.set; delete Reflect.get`, `Reflect.set = Reflect.get = Object.keys = () => { throw 1 }`,
		`Reflect.set = Reflect.get = Object.keys = class {}`, `Object.keys = () => 5; Reflect.get = () => undefined`,
	} {
		f := newFixture(t)
		v := f.js("(" + text + ")")
		f.js(patch)
		_, _ = f.d.decode([]byte(text), serializationJSON)
		_, _ = f.e.encode(v, serializationJSON)
		if v, err := f.d.decode([]byte(`[1]`), serializationJSON); err != nil || f.stored(v, serializationJSON) != `[1]` {
			t.Errorf("after %s: %v, %v", patch, v, err)
		}
	}
}

// setDecode gives scripts a function that decodes.
func (f *fixture) setDecode() {
	err := f.rt.Set("decode", func(text string) sobek.Value {
		v, _ := f.d.decode([]byte(text), serializationJSON)
		return v
	})
	if err != nil {
		f.Fatal(err)
	}
}

// Views are read by getters of the built-in objects, and never beyond the
// buffer, whatever a script puts in their place.
func TestPatchedViews(t *testing.T) {
	for _, patch := range []string{
		`Uint8Array = undefined`, `Uint8Array = class {}`, `Object.getOwnPropertyDescriptor = undefined`,
		`Object.getOwnPropertyDescriptor = () => ({get: () => 5})`,
		`Object.getOwnPropertyDescriptor = (o, name) => ({get: () => name === "buffer" ? buffer : 4})`,
		`Object.getOwnPropertyDescriptor = (o, name) => ({get: () => name === "buffer" ? buffer : -1})`,
	} {
		f := newFixture(t)
		v := f.js(`var buffer = new ArrayBuffer(5); new Uint8Array(buffer, 2, 3)`)
		f.js(patch)
		if message := f.refused(v, serializationBinary); !strings.Contains(message, "has replaced the built-in objects") {
			t.Errorf("%s: %s", patch, message)
		}
	}
	f := newFixture(t)
	_, err := f.e.encode(f.js(`Object.setPrototypeOf({}, DataView.prototype)`), serializationBinary)
	var exception *sobek.Exception
	if !errors.As(err, &exception) {
		t.Error(err)
	}
}
