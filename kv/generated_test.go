package kv

// Random values and texts, compared with what the runtime itself makes of them.

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// generator makes random values of every kind that JSON takes.
const generator = `
const keys = ["a", "b", "id", "name", "0", "1", "10", "02", "-1", "4294967295", "__proto__", "constructor", "length", "",
	"a b", "ä", "\u20ac", "😀", "\ud800", "\udc00x", "\ufffd", "quote\"", "new\nline", "toString", "a rather long name of a member"];
const pick = list => list[random(list.length)];
const unit = () => pick([() => random(128), () => random(32), () => random(0x10000), () => 0xd7f0 + random(0x830), () => 0xfff0 + random(16)])();
const text = () => random(3) ? pick(keys) + random(1000) : String.fromCharCode(...Array.from({length: random(12)}, unit));
const number = () => fair(pick([() => random(300) - 20, () => random(2 ** 31), () => -random(2 ** 31) * 2 ** 22, () => double(),
	() => random(100000) / 100, () => 2 ** random(70), () => -0])());
const define = (o, key, value) => Object.defineProperty(o, key, random(8)
	? {value, enumerable: random(12) > 0, configurable: true, writable: true} : {get: () => value, enumerable: true, configurable: true});
const list = depth => {
	const a = Array.from({length: random(5)}, () => make(depth - 1));
	if (!random(12)) a.length += random(3);
	if (!random(12)) delete a[0];
	if (!random(20)) a.extra = 1;
	if (!random(20) && a.length) define(a, 0, make(depth - 1));
	return a;
};
const object = (depth, o = {}) => {
	for (let n = random(6); n > 0; n--) define(o, random(4) ? pick(keys) : text(), make(depth - 1));
	return o;
};
class Instance { constructor(depth) { object(depth, this) } method() {} get accessor() { return 1 } }
const odd = [
	() => undefined, () => new Date(random(2 ** 40)), () => new Date(NaN), () => new String(text()), () => new Number(number()),
	() => new Boolean(random(2)), () => Object(random(2) > 0),
	depth => new Instance(depth), depth => object(depth, Object.create(null)), depth => Object.freeze(object(depth)),
	depth => Object.freeze(list(depth)), depth => new Proxy(object(depth), {}), depth => new Proxy(list(depth), {}),
	depth => { const value = random(3) ? JSON.parse(JSON.stringify([make(depth - 1)]))[0] : new Date(0); return {toJSON() { return value }} },
	depth => ({toJSON(key) { return key }}), depth => ({toJSON: object(depth)}), depth => Object.assign(() => 1, {toJSON: () => 2}),
	depth => object(depth, Object.create({inherited: 1, toJSON: 5})), depth => (function() { return arguments })(make(depth - 1), 2),
];
function make(depth) {
	const n = random(100);
	if (depth <= 0 || n < 45) return n < 10 ? pick([null, true, false]) : n < 28 ? number() : text();
	return n < 65 ? object(depth) : n < 83 ? list(depth) : pick(odd)(depth);
}
// same compares two values that come from JSON down to their prototypes.
function same(a, b) {
	if (Object.is(a, b)) return true;
	if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
	const names = Reflect.ownKeys(a), other = Reflect.ownKeys(b);
	return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && Object.isExtensible(a) && Object.isExtensible(b) &&
		Array.isArray(a) === Array.isArray(b) && names.length === other.length && names.every((name, i) => {
			const p = Object.getOwnPropertyDescriptor(a, name), q = Object.getOwnPropertyDescriptor(b, name);
			return name === other[i] && p.enumerable === q.enumerable && p.writable === q.writable &&
				p.configurable === q.configurable && same(p.value, q.value);
		});
}
// spoil puts a value somewhere inside of another, and returns that and the path.
function spoil(value) {
	let path = "";
	for (let n = random(5); n > 0; n--) {
		if (random(2)) {
			const a = list(1), at = a.length;
			a.push(value, ...list(0));
			value = a;
			path = "[" + at + "]" + path;
		} else {
			const [key, step] = pick([["k", ".k"], ["b_$1", ".b_$1"], ["a b", '["a b"]'], ["7", '["7"]'], ["", '[""]'], ["\ud800", '["\\ud800"]'], ["ä", ".ä"]]);
			value = define(object(1), key, value) && {before: 1, [key]: value, after: 2};
			path = step + path;
		}
	}
	return [value, "value" + path];
}
`

func newGenerator(t testing.TB) (*fixture, *rand.Rand) {
	f, random := newFixture(t), seed(t)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.rt.Set("random", func(n int64) int64 { return random.Int64N(n) }))
	must(f.rt.Set("double", func() float64 {
		for {
			if x := math.Float64frombits(random.Uint64()); isFinite(x) {
				return x
			}
		}
	}))
	// The runtime gives some numbers the digits of their neighbours: see
	// TestNumbersComeBack. Those it cannot be asked about.
	must(f.rt.Set("fair", func(v sobek.Value) sobek.Value {
		if back, err := strconv.ParseFloat(v.String(), 64); err != nil || back != v.ToFloat() {
			return f.rt.ToValue(1)
		}
		return v
	}))
	f.js(generator)
	return f, random
}

// rounds is how many random values a test tries.
func rounds() int {
	if testing.Short() {
		return 20_000
	}
	return 200_000
}

// Random values: the same bytes as JSON.stringify, and back the same values as
// JSON.parse makes.
func TestLikeTheRuntime(t *testing.T) {
	f, _ := newGenerator(t)
	build, same := f.function("make"), f.function("same")
	for n := range rounds() {
		v := f.call(build, f.rt.ToValue(n%5))
		want := "null"
		if text := f.call(f.stringify, v); isNegativeZero(v) {
			want = "-0"
		} else if !sobek.IsUndefined(text) {
			want = text.String()
		}
		text := f.stored(v, serializationJSON)
		if text != want {
			t.Fatalf("value %d:\n got %s\nwant %s", n, text, want)
		}
		decoded, err := f.d.decode([]byte(text), serializationJSON)
		if err != nil {
			t.Fatalf("value %d: %s: %v", n, text, err)
		}
		if again := f.stored(decoded, serializationJSON); again != text {
			t.Fatalf("value %d:\n was %s\n now %s", n, text, again)
		}
		if strings.Contains(text, `\ud`) {
			continue // JSON.parse loses lone surrogates
		}
		if parsed := f.call(f.parse, f.rt.ToValue(text)); !f.call(same, decoded, parsed).ToBoolean() {
			t.Fatalf("value %d: %s:\n got %s\nwant %s", n, text, f.call(f.stringify, decoded), f.call(f.stringify, parsed))
		}
	}
}

// Something that JSON cannot hold is found wherever it is, with the path.
func TestRefusedAnywhere(t *testing.T) {
	f, _ := newGenerator(t)
	spoil := f.function("spoil")
	bad := []sobek.Value{}
	for _, source := range []string{
		`NaN`, `-Infinity`, `1n`, `Symbol()`, `(() => 1)`, `new Map()`, `new Set()`, `new WeakMap()`, `new WeakSet()`,
		`Promise.resolve()`, `new ArrayBuffer(1)`, `new Uint8Array(1)`, `new DataView(new ArrayBuffer(1))`, `new Number(NaN)`,
	} {
		bad = append(bad, f.js(source))
	}
	for n := range rounds() / 10 {
		pair := f.call(spoil, bad[n%len(bad)]).(*sobek.Object)
		message := f.refused(pair.Get("0"), serializationJSON)
		if path := pair.Get("1").String(); !strings.HasPrefix(message, path+" is ") {
			t.Fatalf("%s: %s", path, message)
		}
	}
}

// randomText writes a JSON text with all the liberties that JSON allows.
func randomText(random *rand.Rand, b *strings.Builder, depth int) {
	space := func() {
		for random.IntN(6) == 0 {
			b.WriteByte(" \t\n\r"[random.IntN(4)])
		}
	}
	members := func(opening, closing byte, named bool) {
		b.WriteByte(opening)
		for n := random.IntN(5); n > 0; n-- {
			space()
			if named {
				randomString(random, b)
				space()
				b.WriteByte(':')
			}
			randomText(random, b, depth-1)
			if n > 1 {
				b.WriteByte(',')
			}
		}
		space()
		b.WriteByte(closing)
	}
	space()
	switch n := random.IntN(12); {
	case n < 3 && depth > 0:
		members('{', '}', true)
	case n < 6 && depth > 0:
		members('[', ']', false)
	case n < 8:
		randomString(random, b)
	case n < 11:
		pieces := [][]string{{"", "-"}, {"0", "7", "12", "100000000000000000000", "999999999999999", "9007199254740993"},
			{"", "", ".0", ".5", ".000100"}, {"", "", "e1", "E+2", "e-3", "e-400"}}
		for _, piece := range pieces {
			b.WriteString(piece[random.IntN(len(piece))])
		}
	default:
		b.WriteString([]string{"null", "true", "false"}[random.IntN(3)])
	}
	space()
}

func randomString(random *rand.Rand, b *strings.Builder) {
	pieces := []string{"a", "b", "key", "1", "0", "__proto__", " ", "/", `\/`, `\"`, `\\`, `\n`, `\b`, `\f`, `\t`, `\r`, `\u0041`,
		`\u00E4`, `\ud83d\ude00`, "ä", "€", "😀", "\u2028", "\x7f", `\u0000`, "a longer piece of text"}
	b.WriteByte('"')
	for n := random.IntN(4); n > 0; n-- {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	b.WriteByte('"')
}

// Random texts, right ones and damaged ones, are taken or refused, and read, as
// JSON.parse does.
func TestDecodeLikeTheRuntime(t *testing.T) {
	f, random := newGenerator(t)
	same := f.function("same")
	taken := 0
	for n := range rounds() {
		var b strings.Builder
		randomText(random, &b, n%4)
		text := []byte(b.String())
		for range random.IntN(3) * random.IntN(2) {
			damage(random, &text)
		}
		taken += compareDecode(f, same, text)
	}
	if taken < rounds()/4 || taken == rounds() {
		t.Errorf("%d of %d texts taken", taken, rounds())
	}
}

func damage(random *rand.Rand, text *[]byte) {
	const pieces = `{}[]",:0123456789.eE+-\u dtrfalsn/` + "\x00\x1f\n\t'x"
	at := random.IntN(len(*text) + 1)
	piece := pieces[random.IntN(len(pieces))]
	switch end := min(at+1, len(*text)); random.IntN(3) {
	case 0:
		*text = append((*text)[:at:at], (*text)[end:]...)
	case 1:
		*text = append(append((*text)[:at:at], piece), (*text)[at:]...)
	default:
		*text = append(append((*text)[:at:at], piece), (*text)[end:]...)
	}
}

// compareDecode tells (1 or 0) whether the text was taken.
func compareDecode(f *fixture, same sobek.Callable, text []byte) int {
	f.Helper()
	decoded, err := f.d.decode(text, serializationJSON)
	parsed, wrong := f.parse(nil, f.rt.ToValue(string(text)))
	if !utf8.Valid(text) || strings.Contains(strings.ToLower(string(text)), `\ud`) || !json.Valid(text) {
		// The runtime replaces what is not UTF-8 and lone surrogates, and takes
		// some texts that are not JSON.
		if json.Valid(text) && utf8.Valid(text) && wrong == nil && err != nil || err == nil && !json.Valid(text) {
			f.Fatalf("%q: %v", text, err)
		}
		return 0
	}
	if (err == nil) != (wrong == nil) {
		f.Fatalf("%q: %v; JSON.parse: %v", text, err, wrong)
	}
	if err != nil {
		return 0
	}
	if !f.call(same, decoded, parsed).ToBoolean() {
		f.Fatalf("%q:\n got %s\nwant %s", text, f.call(f.stringify, decoded), f.call(f.stringify, parsed))
	}
	return 1
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		smallJSON, `{"__proto__":1,"a":{"a":[]}}`, `["\ud83d\ude00\ud800",1e5,-0.5e-3]`, ` [ 1 , { "a" : null } ] `, `"\u00e4"`, `[1,]`, `1e999`,
	} {
		f.Add([]byte(text))
	}
	fixture := newFixture(f)
	if _, err := fixture.rt.RunString(generator); err != nil {
		f.Fatal(err)
	}
	same := fixture.function("same")
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Count(string(text), "[")+strings.Count(string(text), "{") > 5000 {
			return // json.Valid ends at 10,000 levels
		}
		fixture.TB = t
		compareDecode(fixture, same, text)
	})
}

// FuzzEncodeRoundTrip takes the input as a script string, as a member's name and
// as a piece of JSON.
func FuzzEncodeRoundTrip(f *testing.F) {
	for _, text := range []string{smallJSON, `[null,"a"]`, "ä\uFFFD\xff", "\x00", "__proto__", "-0", ""} {
		f.Add(text)
	}
	fixture := newFixture(f)
	wrap := fixture.function(`text => ({[text]: [text, {text}], half: text.slice(1) + "\ud800" + text})`)
	f.Fuzz(func(t *testing.T, text string) {
		fixture.TB = t
		values := []sobek.Value{fixture.call(wrap, fixture.rt.ToValue(text))}
		if v, err := fixture.d.decode([]byte(text), serializationJSON); err == nil {
			values = append(values, v)
		}
		for _, v := range values {
			stored := fixture.stored(v, serializationJSON)
			if want := fixture.call(fixture.stringify, v).String(); stored != want && stored != "-0" {
				t.Fatalf("stored %s, want %s", stored, want)
			}
			decoded, err := fixture.d.decode([]byte(stored), serializationJSON)
			if err != nil {
				t.Fatalf("%s: %v", stored, err)
			}
			if again := fixture.stored(decoded, serializationJSON); again != stored {
				t.Fatalf("was %s, now %s", stored, again)
			}
		}
	})
}
