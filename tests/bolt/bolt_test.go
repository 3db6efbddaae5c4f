// Package bolt_test compares what the library reads from BoltDB files with what
// bbolt, which wrote them, reads. The library's part is dump.c, under sanitizers.
//
//	KV_SEED=1 go test -count=1 ./...
package bolt_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// fill puts entries into a bucket.
type fill func(t *testing.T, r *rand.Rand, db *bbolt.DB)

// in runs a change of the bucket "k6", in a transaction of its own.
func in(t *testing.T, db *bbolt.DB, change func(b *bbolt.Bucket) error) {
	t.Helper()
	inNamed(t, db, "k6", change)
}

func inNamed(t *testing.T, db *bbolt.DB, name string, change func(b *bbolt.Bucket) error) {
	t.Helper()
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		return change(b)
	}))
}

func nothing(*bbolt.Bucket) error { return nil }

// numbered puts count entries of about so many bytes, in one transaction.
func numbered(count, size int) fill {
	return func(t *testing.T, r *rand.Rand, db *bbolt.DB) {
		in(t, db, func(b *bbolt.Bucket) error {
			for i := range count {
				if err := b.Put(fmt.Appendf(nil, "key:%07d", i), randomBytes(r, size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// longKeys has keys of up to as many bytes as bbolt takes.
func longKeys(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	in(t, db, func(b *bbolt.Bucket) error {
		for i := range 200 {
			size := 1 + r.IntN(bbolt.MaxKeySize)
			if i < 3 {
				size = []int{1, bbolt.MaxKeySize - 1, bbolt.MaxKeySize}[i]
			}
			if err := b.Put(randomBytes(r, size), randomBytes(r, r.IntN(300))); err != nil {
				return err
			}
		}
		return nil
	})
}

// largeValues has values that need many pages, among small and empty ones.
func largeValues(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	in(t, db, func(b *bbolt.Bucket) error {
		for i := range 60 {
			size := []int{0, 10, 100_000, r.IntN(200_000)}[i%4]
			if err := b.Put(fmt.Appendf(nil, "%d", i), randomBytes(r, size)); err != nil {
				return err
			}
		}
		return nil
	})
}

// rewritten puts and deletes at random, in many transactions, so that pages are
// split, merged, freed and used again.
func rewritten(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	for round := range 60 {
		in(t, db, func(b *bbolt.Bucket) error {
			for range 150 {
				key := fmt.Appendf(nil, "key:%d", r.IntN(2000))
				if round%3 == 2 || r.IntN(3) == 0 {
					if err := b.Delete(key); err != nil {
						return err
					}
				} else if err := b.Put(key, randomBytes(r, r.IntN(200))); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// emptied had many entries once.
func emptied(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	numbered(3000, 50)(t, r, db)
	for from := 0; from < 3000; from += 500 {
		in(t, db, func(b *bbolt.Bucket) error {
			for i := from; i < from+500; i++ {
				if err := b.Delete(fmt.Appendf(nil, "key:%07d", i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// both has the bucket of the mistake, too, which must not be read.
func both(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	numbered(20, 10)(t, r, db)
	inNamed(t, db, ".k6.kv", func(b *bbolt.Bucket) error { return b.Put([]byte("old"), []byte("1")) })
}

// manyBuckets has so many others that the tree of buckets has several levels.
func manyBuckets(t *testing.T, r *rand.Rand, db *bbolt.DB) {
	for i := range 500 {
		inNamed(t, db, fmt.Sprintf("j%d", i), func(b *bbolt.Bucket) error {
			return b.Put([]byte("key"), randomBytes(r, 60))
		})
		inNamed(t, db, fmt.Sprintf("l%d", i), nothing)
	}
	numbered(200, 60)(t, r, db)
}

var kinds = []struct {
	name string
	fill fill
}{
	{"empty", func(t *testing.T, _ *rand.Rand, db *bbolt.DB) { in(t, db, nothing) }},
	{"inline", numbered(3, 20)},
	{"one page", numbered(4, 100)},
	{"many pages", numbered(4000, 60)},
	{"large values", largeValues},
	{"long keys", longKeys},
	{"rewritten", rewritten},
	{"emptied", emptied},
	{"both buckets", both},
	{"many buckets", manyBuckets},
}

var pageSizes = []int{512, 1024, 2048, 4096, 8192, 16384, 32768, 65536}

// Every kind of content in every size of pages, with each way to keep free pages.
func TestSameAsBbolt(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			r := random(t)
			for i, size := range pageSizes {
				options := &bbolt.Options{PageSize: size, NoSync: true, NoFreelistSync: i%2 == 1}
				if i%3 == 0 {
					options.FreelistType = bbolt.FreelistMapType
				}
				path := make1(t, options, func(db *bbolt.DB) { kind.fill(t, r, db) })
				same(t, fmt.Sprintf("pages of %d bytes", size), read(t, path, "k6"), dumpOne(t, path))
			}
		})
	}
}

// The bucket that one release made by mistake is read where there is no other.
func TestMistakenBucket(t *testing.T) {
	r := random(t)
	path := make1(t, nil, func(db *bbolt.DB) {
		inNamed(t, db, ".k6.kv", func(b *bbolt.Bucket) error {
			for i := range 300 {
				if err := b.Put(fmt.Appendf(nil, "%d", i), randomBytes(r, 40)); err != nil {
					return err
				}
			}
			return nil
		})
		inNamed(t, db, "k7", nothing)
	})
	same(t, "the file", read(t, path, ".k6.kv"), dumpOne(t, path))
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, says string
		fill       func(t *testing.T, db *bbolt.DB)
	}{
		{"no bucket", `no bucket "k6", nor any other`, func(*testing.T, *bbolt.DB) {}},
		{"other buckets", `no bucket "k6"; it is not of an extension of k6, and has 2 other buckets: "k", "k6x"`,
			func(t *testing.T, db *bbolt.DB) {
				inNamed(t, db, "k6x", nothing)
				inNamed(t, db, "k", nothing)
			}},
		{"nested", `another bucket within it, "inner"`, func(t *testing.T, db *bbolt.DB) {
			in(t, db, func(b *bbolt.Bucket) error {
				_, err := b.CreateBucket([]byte("inner"))
				return err
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := dumpOne(t, make1(t, nil, func(db *bbolt.DB) { c.fill(t, db) }))
			if !strings.Contains(got.failed, c.says) {
				t.Errorf("%q does not say %q", got.failed, c.says)
			}
		})
	}
}

// A file cut short has all entries, if only free pages are missing, or cannot be read.
func TestCutShort(t *testing.T) {
	r := random(t)
	path := make1(t, &bbolt.Options{PageSize: 1024, NoSync: true}, func(db *bbolt.DB) { rewritten(t, r, db) })
	whole := contents(t, path)
	want := read(t, path, "k6")
	var paths []string
	for range 200 {
		paths = append(paths, write(t, whole[:r.IntN(len(whole))]))
	}
	failures := 0
	for i, got := range dump(t, paths...) {
		if got.failed == "" {
			same(t, paths[i], want, got)
		} else {
			failures++
		}
	}
	if failures < 10 {
		t.Errorf("only %d of 200 were refused", failures)
	}
}

// With one bit wrong the file cannot be read, or at most one entry is another one: nothing in
// a BoltDB file but its meta pages has a checksum. What a bucket says of its root can lead to a
// part of the tree only, which nothing contradicts.
func TestFlipped(t *testing.T) {
	r := random(t)
	path := make1(t, &bbolt.Options{PageSize: 512, NoSync: true}, func(db *bbolt.DB) { numbered(300, 20)(t, r, db) })
	whole, want := contents(t, path), read(t, path, "k6")
	whole = whole[:int(want.pages)*512]
	var paths []string
	var at []int
	for i := range 1000 {
		bit := r.IntN(len(whole) * 8)
		if i < 640 { // the meta pages and those next to them, where each bit matters
			bit = r.IntN(5 * 512 * 8)
		}
		flipped := append([]byte(nil), whole...)
		flipped[bit/8] ^= 1 << (bit % 8)
		paths, at = append(paths, write(t, flipped)), append(at, bit)
	}
	counts := map[string]int{}
	for i, got := range dump(t, paths...) {
		missing := want.without(got)
		switch {
		case got.failed != "":
			counts["refused"]++
			if !strings.Contains(got.failed, "BoltDB file") {
				t.Errorf("%s", got.failed)
			}
		case missing <= 1 && len(got.entries) == len(want.entries):
			counts[fmt.Sprint("differs in ", missing)]++
		case at[i]/8/512 == want.holder || at[i]/8/512 < 2:
			counts["of another root"]++
		default:
			t.Errorf("bit %d: %d entries of %d, %d of them missing", at[i], len(got.entries), len(want.entries), missing)
		}
	}
	t.Log(counts)
	if counts["refused"] < 50 || counts["differs in 1"] < 50 {
		t.Error("the bits hit nothing that matters")
	}
}

// Many bytes wrong: whatever comes of it, no sanitizer objects, and it ends.
func TestScrambled(t *testing.T) {
	r := random(t)
	var paths []string
	for _, kind := range kinds {
		for _, size := range []int{512, 4096} {
			path := make1(t, &bbolt.Options{PageSize: size, NoSync: true},
				func(db *bbolt.DB) { kind.fill(t, r, db) })
			whole := contents(t, path)
			for range 20 {
				scrambled := append([]byte(nil), whole...)
				for range 1 + r.IntN(40) {
					scrambled[r.IntN(len(scrambled))] = byte(r.IntN(256))
				}
				copy(scrambled[:2*size], whole) // else little more is looked at
				paths = append(paths, write(t, scrambled))
			}
		}
	}
	refused := 0
	for _, got := range dump(t, paths...) {
		if got.failed != "" {
			refused++
		}
	}
	t.Logf("%d of %d were refused", refused, len(paths))
	if refused == 0 || refused == len(paths) {
		t.Error("all alike")
	}
}

// Each meta page may be lost: the other one then counts, whichever is newer.
func TestMetaPages(t *testing.T) {
	r := random(t)
	for _, size := range pageSizes {
		path := make1(t, &bbolt.Options{PageSize: size, NoSync: true}, func(db *bbolt.DB) {
			for i := range 5 {
				numbered(10+i, 100)(t, r, db)
			}
		})
		whole := contents(t, path)
		before := len(dumpOne(t, path).entries)
		for page := range 2 {
			broken := append([]byte(nil), whole...)
			broken[page*size+70] ^= 1
			lone := write(t, broken)
			got := dumpOne(t, lone)
			if n := len(got.entries); n != before && n != before-1 {
				t.Errorf("%d entries, of %d; %s", n, before, got.failed)
			}
			if size > 512 { // which bbolt does not look for
				same(t, fmt.Sprintf("pages of %d without meta page %d", size, page), read(t, lone, "k6"), got)
			}
		}
		whole[70] ^= 1
		whole[size+70] ^= 1
		if got := dumpOne(t, write(t, whole)); !strings.Contains(got.failed, "both meta pages") {
			t.Errorf("%q", got.failed)
		}
	}
}

// The corpus of the fuzzer, made anew with KV_CORPUS=1.
func TestCorpus(t *testing.T) {
	if os.Getenv("KV_CORPUS") == "" {
		t.Skip("KV_CORPUS is not set")
	}
	r := random(t)
	for name, f := range map[string]fill{
		"empty":  kinds[0].fill,
		"inline": kinds[1].fill,
		"page":   kinds[2].fill,
		"tree":   numbered(120, 8),
		"large":  numbered(3, 1100),
		"both":   both,
	} {
		path := make1(t, &bbolt.Options{PageSize: 512, NoSync: true}, func(db *bbolt.DB) { f(t, r, db) })
		whole := contents(t, path)[:int(read(t, path, "k6").pages)*512]
		must(t, os.WriteFile(filepath.Join("../fuzz/corpus/bolt", name), whole, 0o644))
	}
}
