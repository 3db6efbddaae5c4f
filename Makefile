# make help lists the targets.

# k6 would report its use to its makers; a build or test run is of no interest.
export K6_NO_USAGE_REPORT = true
export CGO_ENABLED = 1

CC           ?= cc
PKG_CONFIG   ?= pkg-config
CRASH_CYCLES ?= 200
FUZZ_SECONDS ?= 60

# Recursive on purpose: asked when first needed, after setup has installed them.
LIBS        = $(shell $(PKG_CONFIG) --libs lmdb) -lpthread
CFLAGS_LIBS = $(shell $(PKG_CONFIG) --cflags lmdb)
# What only tests use: libxxhash is what our XXH64 is compared with.
LIBS_TESTS = $(shell $(PKG_CONFIG) --libs cmocka libxxhash) -ldl

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Werror
CFLAGS_ALL = -std=c11 $(WARNINGS) -Ixkv/include -Ixkv/src $(CFLAGS_LIBS) -MMD -MP

# A flavour is a way to compile; each has its own folder in build/.
CFLAGS_release = -O2 -g
CFLAGS_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    = -O1 -g -fsanitize=thread
CFLAGS_fuzz    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize=fuzzer-no-link
LDFLAGS_fuzz   = -fsanitize=fuzzer
# As slow as with a sanitizer, so the tests do as little as there.
CFLAGS_coverage = -O0 -g --coverage -fprofile-update=atomic -DSANITIZED=1

# ThreadSanitizer needs the address space laid out without surprises.
RUN_tsan := $(shell setarch -R true 2>/dev/null && echo setarch -R)

export ASAN_OPTIONS  ?= abort_on_error=0:detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS  ?= halt_on_error=1:second_deadlock_stack=1

SOURCES := $(wildcard xkv/src/*.c)

.PHONY: all
all: check-packages k6 ## build ./k6: k6 with the module compiled in (the default)

# What ./k6 version shows behind the version; nothing where there is no git.
COMMIT = $(shell git describe --always --dirty --exclude='*' 2>/dev/null)

.PHONY: k6
k6:
	go build -ldflags "-X example.com/xk6-kv.commit=$(COMMIT)" -o k6 ./cmd/k6

.PHONY: lib
lib: build/libxkv.a ## build build/libxkv.a, the C library alone

build/libxkv.a: $(SOURCES:%.c=build/release/%.o)
	@rm -f $@
	@$(AR) rcs $@ $^

# --- C programs: tests and examples -------------------------------------------

# $(call programs,unit): the names of the programs in a folder of tests/.
programs = $(patsubst tests/%.c,%,$(wildcard $(addsuffix /*.c,$(addprefix tests/,$1))))
# $(call runs,FLAVOUR,PROGRAMS): the targets that run them.
runs = $(patsubst %,build/$1/%.run,$2)

define flavour
build/$1/%.o: %.c
	@mkdir -p $$(@D)
	@$2 $$(CFLAGS_ALL) $$(CFLAGS_$1) $$(CFLAGS) -c -o $$@ $$<

build/$1/%: build/$1/tests/%.o $$(SOURCES:%.c=build/$1/%.o)
	@mkdir -p $$(@D)
	@$2 $$(CFLAGS_$1) $$(LDFLAGS_$1) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_TESTS) $$(LIBS)

# The name, the time it took, and only if it failed what it printed.
build/$1/%.run: build/$1/%
	@scripts/quietly.sh "$1 $$*" $$(RUN_$1) $$< $$(ARGS_$$(firstword $$(subst /, ,$$*)))
endef
$(foreach f,release asan tsan coverage,$(eval $(call flavour,$f,$$(CC))))
$(eval $(call flavour,fuzz,clang))

-include $(shell find build -name '*.d' 2>/dev/null)
.SECONDARY:

export XKV_CRASH_CYCLES = $(CRASH_CYCLES)

.PHONY: release
release: $(call runs,release,$(call programs,unit conformance faults threads)) ## C tests: unit, conformance, faults, threads

.PHONY: asan
asan: $(call runs,asan,$(call programs,unit conformance)) ## C tests under AddressSanitizer and UBSan

.PHONY: tsan
tsan: $(call runs,tsan,$(call programs,threads unit)) ## C tests under ThreadSanitizer

.PHONY: coverage
coverage: ## which branches of the library the C tests take, per file (needs gcc)
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory --keep-going coverage-run || echo "some tests failed"
	@scripts/coverage.sh build/coverage/xkv/src

.PHONY: coverage-run
coverage-run: $(call runs,coverage,$(call programs,unit conformance faults threads))

.PHONY: crash
crash: $(call runs,release,$(call programs,crash)) ## kill writers, reopen, compare (CRASH_CYCLES=200)

.PHONY: fuzz
fuzz: ARGS_fuzz = -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1
fuzz: $(call runs,fuzz,$(call programs,fuzz)) ## feed random input to the parsers (FUZZ_SECONDS=60)

.PHONY: linear
linear: ## check that concurrent calls are linearizable: 1,000 histories per backend
	KV_HISTORIES=1000 go test -count=1 -v -run Linearizable ./tests/linear

.PHONY: doubles
doubles: ## print and read a hundred million random numbers: each comes back bit for bit
	KV_DOUBLES=100000000 go test -count=1 -run NumbersComeBack ./kv

.PHONY: examples-c
examples-c: $(patsubst %.c,build/release/%.run,$(wildcard examples/c/*.c)) ## build and run the C examples

# These use the library as a stranger would: the header and the archive.
define stranger
build/release/$1/%: build/release/$1/%.o build/libxkv.a
	@$$(CC) $$(CFLAGS_release) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach d,examples/c bench,$(eval $(call stranger,$d)))

# --- everything else ------------------------------------------------------------

.PHONY: setup
setup: ## install the system packages that building needs
	@scripts/setup.sh build

.PHONY: check-packages
check-packages:
	@scripts/setup.sh check

.PHONY: demo
demo: setup ## install what is missing, build, run the quick start
	@$(MAKE) --no-print-directory all
	./k6 run examples/quick-start.js

.PHONY: test
test: ## install what is missing, build, run all tests
	@scripts/setup.sh test
	@scripts/test.sh

.PHONY: examples
examples: k6 ## run the example scripts
	@tests/examples.sh ./k6

.PHONY: readme
readme: k6 ## run the scripts in README.md
	@tests/readme.sh ./k6

.PHONY: types
types: ## check index.d.ts and the scripts with TypeScript
	@tests/types/check.sh

.PHONY: check
check: ## formatting, warnings, exported symbols, dependencies
	@scripts/check.sh

# K6=path adds a column: another k6 whose scripts can import "k6/x/kv".
K6 ?=

.PHONY: bench
bench: setup-bench all build/release/bench/libxkv ## measure (seven minutes; K6=path: another k6 beside ours, twice that)
	@$(MAKE) --no-print-directory build/bench/k6-redis || echo "not built; measuring without Redis"
	@bench/run.sh ./k6 $(K6)

.PHONY: bench-quick
bench-quick: all build/release/bench/libxkv ## measure roughly (a minute; K6=path)
	@bench/run.sh --quick ./k6 $(K6)

.PHONY: bench-charts
bench-charts: setup-bench ## draw docs/images/*.svg from what make bench measured
	@bench/charts.sh

.PHONY: setup-bench
setup-bench:
	@scripts/setup.sh bench

# A module of its own: what is only compared with is no dependency.
build/bench/k6-redis: bench/redis/go.mod bench/redis/go.sum bench/redis/main.go
	@mkdir -p $(@D)
	cd bench/redis && go build -o ../../$@ .

.PHONY: clean
clean: ## remove what was built
	rm -rf build k6 tests/types/node_modules

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
