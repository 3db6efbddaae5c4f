package kv

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

// doubles calls do for numbers of all kinds: those at which printing changes,
// and random ones.
func doubles(t *testing.T, random int, do func(float64)) {
	t.Helper()
	around := func(f float64) {
		for _, n := range []float64{math.Nextafter(f, math.Inf(-1)), f, math.Nextafter(f, math.Inf(1))} {
			if isFinite(n) {
				do(n)
				do(-n)
			}
		}
	}
	for exponent := -1074; exponent < 1024; exponent++ {
		around(math.Ldexp(1, exponent))
	}
	for exponent := -323; exponent <= 308; exponent++ {
		power, _ := strconv.ParseFloat("1e"+strconv.Itoa(exponent), 64)
		around(power)
	}
	source := seed(t)
	for range random / 4 {
		if f := math.Float64frombits(source.Uint64()); isFinite(f) {
			do(f)
		}
		do(source.Float64())
		do(source.Float64() * 1e3)
		do(float64(source.Uint64()))
	}
}

// Every number comes back bit for bit, printed as the standard library does it
// for JSON, which is JavaScript's way but for zero's sign.
func TestNumbersComeBack(t *testing.T) {
	random := 1_000_000
	if text := os.Getenv("KV_DOUBLES"); text != "" {
		var err error
		if random, err = strconv.Atoi(text); err != nil {
			t.Fatalf("KV_DOUBLES: %v", err)
		}
	}
	f := newFixture(t)
	doubles(t, random, func(number float64) {
		data, err := f.e.encode(f.rt.ToValue(number), serializationJSON)
		if err != nil {
			t.Fatalf("%x: %v", number, err)
		}
		if want, _ := json.Marshal(number); string(data) != string(want) && number != 0 {
			t.Fatalf("%x is printed as %s, not %s", number, data, want)
		}
		back, err := f.d.decode(data, serializationJSON)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if got := back.ToFloat(); got != number {
			t.Fatalf("%x came back as %x", number, got)
		}
	})
}

func TestNumbersAsText(t *testing.T) {
	f := newFixture(t)
	for source, want := range map[string]string{
		"0.7948614919903289":  "0.7948614919903289",
		"1522833698082543900": "1522833698082543900",
		"1e21":                "1e+21", "1e100": "1e+100", "-1.5e-7": "-1.5e-7", "-0": "0",
		"1e-6": "0.000001", "5e-324": "5e-324",
	} {
		v := f.js("(" + source + ")")
		if got := f.stored(v, serializationString); got != want {
			t.Errorf("%s: %q, not %q", source, got, want)
		}
		if describe(v) != "a number ("+want+")" {
			t.Errorf("%s is described as %q", source, describe(v))
		}
	}
}
