# make help lists the targets.

# k6 would report its use to its makers; a build or test run is of no interest.
export K6_NO_USAGE_REPORT = true
export CGO_ENABLED = 1

CC           ?= cc
PREFIX       ?= /usr/local
CRASH_CYCLES ?= 200
FUZZ_SECONDS ?= 60
FAULTS       ?= 500

# Where C programs have LMDB from: module, the sources of the Go module that k6 is built with;
# system; or a folder with the sources. See scripts/lmdb.sh.
LMDB ?= $(if $(shell command -v go),module,system)

LIBS = $(if $(filter system,$(LMDB)),-llmdb) -lpthread
# What only tests use: libxxhash is what our XXH64 is compared with. Homebrew's folder is not where
# every compiler looks.
BREW       := $(if $(filter Darwin,$(shell uname -s)),$(shell brew --prefix 2>/dev/null))
LIBS_TESTS  = $(BREW:%=-L%/lib) -lcmocka -lxxhash -ldl

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Werror
CFLAGS_ALL = -std=c11 $(WARNINGS) -Ixkv/include -Ixkv/src -include build/lmdb/names.h $(BREW:%=-I%/include) -MMD -MP

# A flavour is a way to compile; each has its own folder in build/.
CFLAGS_release = -O2 -g
CFLAGS_shared  = -O2 -g -fPIC
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

SOURCES := $(wildcard xkv/src/*.c xkv/src/*/*.c)

.PHONY: all
all: check-packages k6 xkv ## build ./k6, k6 with the module compiled in, and build/xkv, the tool (the default)

# What ./k6 version shows behind the version; nothing where there is no git.
COMMIT = $(shell git describe --always --dirty --exclude='*' 2>/dev/null)

.PHONY: k6
k6:
	go build -ldflags "-X $$(go list -m).commit=$(COMMIT)" -o k6 ./cmd/k6

# --- LMDB -----------------------------------------------------------------------

# Compiled once, for all flavours and the shared library, and without warnings: they are not
# ours to heed.
LMDB_OBJECTS = $(if $(filter system,$(LMDB)),,build/lmdb/mdb.o build/lmdb/midl.o)
LMDB_COMPILE = $(CC) -O2 -g -fPIC -pthread -w $(CFLAGS) -c -o $@ build/lmdb/$(@F:.o=.c)

# Is only made anew when another LMDB is wanted; all objects depend on it.
build/lmdb/names.h: always
	@scripts/lmdb.sh '$(LMDB)'

.PHONY: always
always:

build/lmdb/LICENSE: build/lmdb/names.h

build/lmdb/mdb.o build/lmdb/midl.o: build/lmdb/names.h
	@$(LMDB_COMPILE) -include build/lmdb/names.h

# Once more, for tests that stand between the library and LMDB: see tests/lmdb_calls.h.
build/lmdb/real/mdb.o build/lmdb/real/midl.o: build/lmdb/names.h
	@mkdir -p $(@D)
	@$(LMDB_COMPILE) -include build/lmdb/real.h

# The linker takes from an archive what it lacks: of the first nothing for those tests, of the
# second nothing for all others.
LMDB_TESTS = build/lmdb/liblmdb.a build/lmdb/libreal.a
build/lmdb/liblmdb.a: $(LMDB_OBJECTS)
build/lmdb/libreal.a: $(LMDB_OBJECTS:build/lmdb/%=build/lmdb/real/%)
$(LMDB_TESTS):
	@$(if $^,,echo "C tests need LMDB's sources: not LMDB=system" >&2; exit 1)
	@$(AR) rcs $@ $^

# --- The library ----------------------------------------------------------------

.PHONY: lib
lib: build/libxkv.a ## build build/libxkv.a, the C library alone, with LMDB in it (LMDB=system: without)

build/libxkv.a: $(SOURCES:%.c=build/release/%.o) $(LMDB_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^
	@echo "$@: $$(cat build/lmdb/about)"

# The number changes when programs must be compiled anew.
SONAME_linux  = libxkv.so.0
SONAME_darwin = libxkv.0.dylib
SYSTEM       := $(if $(filter Darwin,$(shell uname -s)),darwin,linux)
SONAME        = $(SONAME_$(SYSTEM))
SHARED_linux  = -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(EXPORTS) -Wl,-z,defs
SHARED_darwin = -dynamiclib -install_name $(PREFIX)/lib/$(SONAME) -exported_symbols_list $(EXPORTS)
EXPORTS       = build/exports.$(SYSTEM)

.PHONY: shared
shared: build/$(SONAME) ## build build/libxkv.so.0, the C library for many programs at once

# Only what stands in xkv.h: what begins with xkv__ is the library's own.
build/exports.linux:
	@mkdir -p $(@D)
	@echo '{ global: xkv_[!_]*; local: *; };' >$@
build/exports.darwin:
	@mkdir -p $(@D)
	@echo '_xkv_[a-z]*' >$@

build/$(SONAME): $(SOURCES:%.c=build/shared/%.o) $(LMDB_OBJECTS) $(EXPORTS)
	@$(CC) $(CFLAGS_shared) $(SHARED_$(SYSTEM)) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS)
	@echo "$@: $$(cat build/lmdb/about)"

# --- The tool -------------------------------------------------------------------

# It knows the library as a stranger does, by the public header.
CLI_OBJECTS = $(patsubst %.c,build/release/%.o,$(wildcard cli/*.c))
$(CLI_OBJECTS): CFLAGS_ALL = -std=c11 $(WARNINGS) -Ixkv/include -MMD -MP $(CFLAGS_OPENSSL)

# TLS in the tool: by OpenSSL, where it is. "make XKV_OPENSSL=" leaves it out.
XKV_OPENSSL    := $(shell $(CC) $(CFLAGS) -include openssl/ssl.h -x c -E /dev/null >/dev/null 2>&1 && echo yes)
CFLAGS_OPENSSL := $(if $(XKV_OPENSSL),-DXKV_OPENSSL)
LIBS_OPENSSL   := $(if $(XKV_OPENSSL),-lssl -lcrypto)

.PHONY: xkv
xkv: build/xkv ## build build/xkv, the tool that looks into stores and changes them

build/xkv: $(CLI_OBJECTS) build/libxkv.a
	@$(CC) $(CFLAGS_release) $(LDFLAGS) -o $@ $^ $(LIBS) $(LIBS_OPENSSL)

# --- C programs: tests and examples -------------------------------------------

# $(call programs,unit): the names of the programs in a folder of tests/.
programs = $(patsubst tests/%.c,%,$(wildcard $(addsuffix /*.c,$(addprefix tests/,$1))))
# $(call runs,FLAVOUR,PROGRAMS): the targets that run them. Those that take long come first, so
# that no processor is idle at the end.
runs = $(patsubst %,build/$1/%.run,$(filter $(SLOW),$2) $(filter-out $(SLOW),$2))
SLOW = threads/claims threads/hammer threads/waiting threads/lanes unit/btree fuzz/store crash/kill \
       $(addprefix conformance/,uniformity conformance differential files many) \
       $(addprefix faults/,allocations damage salvage disk files)

define flavour
build/$1/%.o: %.c build/lmdb/names.h
	@mkdir -p $$(@D)
	@$2 $$(CFLAGS_ALL) $$(CFLAGS_$1) $$(CFLAGS) -c -o $$@ $$<

build/$1/%: build/$1/tests/%.o $$(SOURCES:%.c=build/$1/%.o) $$(LMDB_TESTS)
	@mkdir -p $$(@D)
	@$2 $$(CFLAGS_$1) $$(LDFLAGS_$1) $$(LDFLAGS) -o $$@ $$^ $$(LIBS_TESTS) $$(LIBS)

# The name, the time it took, and only if it failed what it printed.
build/$1/%.run: build/$1/%
	@scripts/quietly.sh "$1 $$*" $$(RUN_$1) $$< $$(ARGS_$$(firstword $$(subst /, ,$$*)))
endef
$(foreach f,release shared asan tsan coverage,$(eval $(call flavour,$f,$$(CC))))
$(eval $(call flavour,fuzz,clang))

# Its reader is what our own of servers' replies is compared with.
build/%/unit/resp_hiredis: LIBS_TESTS += -lhiredis

# Compared with LMDB's own header.
build/%/tests/unit/lmdb_api.o: CFLAGS_ALL += -Ibuild/lmdb

-include $(shell find build -name '*.d' 2>/dev/null)
.SECONDARY:

export XKV_CRASH_CYCLES = $(CRASH_CYCLES)

.PHONY: release
release: $(call runs,release,$(call programs,unit conformance faults threads)) ## C tests: unit, conformance, faults, threads

.PHONY: asan
asan: $(call runs,asan,$(call programs,unit conformance)) ## C tests under AddressSanitizer and UBSan
asan: $(call runs,asan,faults/salvage faults/salvage_beside)

# It finds nothing where there is one thread only: of the unit tests these have more. (So has
# unit/btree, a thread that frees trees; that is what threads/reclaim is about.)
.PHONY: tsan
tsan: $(call runs,tsan,$(call programs,threads) $(addprefix unit/,options sys timer)) ## C tests under ThreadSanitizer

.PHONY: coverage
coverage: ## which branches of the library the C tests take, per file (needs gcc)
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory --keep-going coverage-run || echo "some tests failed"
	@scripts/coverage.sh build/coverage/xkv/src/*

.PHONY: coverage-run
coverage-run: $(call runs,coverage,$(call programs,unit conformance faults threads))

# --- Beside servers -------------------------------------------------------------

SERVER_KINDS ?= redis valkey cluster
# Those that are not about files; each has servers of its own.
SERVER_PROGRAMS = $(addprefix conformance/,claims conformance differential exchange exchange_text \
                      insight many order seeds single stores uniformity waiting)

# A server whose time of day is the test's: a library that is loaded into it.
build/servers/clock.so: tests/servers/clock.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_DEFAULT_SOURCE $(WARNINGS) -O2 -shared -fPIC -o $@ $<

define beside
build/$2/%.$1: build/$2/% build/servers/clock.so
	@scripts/quietly.sh "$3$1 $$*" scripts/servers.sh run $1 -- $$(RUN_$2) $$<
endef
$(foreach k,redis valkey cluster valkey-cluster replica sentinel,$(eval $(call beside,$k,release,)))
$(foreach f,asan tsan,$(foreach k,redis cluster,$(eval $(call beside,$k,$f,$f ))))

# The same with stores of several partitions: beside cluster-3 they have three.
define spread
build/release/%.$1: build/release/% build/servers/clock.so
	@XKV_PARTITIONS=$(lastword $(subst -, ,$1)) \
	    scripts/quietly.sh "$1 $$*" scripts/servers.sh run $(firstword $(subst -, ,$1)) -- $$<
endef
SPREAD_KINDS ?= redis-3 redis-64 cluster-3
$(foreach k,$(SPREAD_KINDS),$(eval $(call spread,$k)))

.PHONY: servers
servers: $(foreach k,$(SERVER_KINDS),$(patsubst %,build/release/%.$k,$(SERVER_PROGRAMS)))
servers: $(foreach k,$(SPREAD_KINDS),$(patsubst %,build/release/%.$k,$(SERVER_PROGRAMS)))
servers: $(patsubst %,build/release/faults/servers_memory.%,$(filter redis redis-3 cluster,$(SERVER_KINDS) $(SPREAD_KINDS)))
servers: $(if $(filter cluster,$(SERVER_KINDS)),build/release/faults/servers_memory.sentinel)
servers: $(patsubst %,build/release/faults/sharing.%,$(filter redis,$(SERVER_KINDS)))
servers: $(patsubst %,build/release/faults/servers.%,$(filter redis valkey,$(SERVER_KINDS))) ## C tests of stores on servers (SERVER_KINDS="redis valkey cluster")

# Under the sanitizers: those that have a server, or are one, of their own, and some beside one.
SANITIZED_ALONE  = $(addprefix faults/,server_faults redirects strangers names replicas cluster) \
                   conformance/partitions
SANITIZED_BESIDE = $(addsuffix .redis,$(SERVER_PROGRAMS) faults/servers faults/sharing) \
                   conformance/differential.cluster
.PHONY: servers-asan servers-tsan
servers-asan: ## many of them under AddressSanitizer and UBSan
servers-tsan: ## many of them under ThreadSanitizer
servers-asan servers-tsan: servers-%:
	@$(MAKE) --no-print-directory --keep-going $(addsuffix .run,$(addprefix build/$*/,$(SANITIZED_ALONE))) \
	    $(addprefix build/$*/,$(SANITIZED_BESIDE))

.PHONY: server-faults
server-faults: export XKV_FAULTS = $(FAULTS)
server-faults: export TEST_TIMEOUT = $(shell echo $$((900 + 5 * $(FAULTS))))
server-faults: build/release/faults/server_faults.run ## what becomes of commands when servers and connections fail (FAULTS=500)

# What takes as long as one asks for is given that long before it counts as hanging.
.PHONY: crash
crash: export TEST_TIMEOUT = $(shell echo $$((900 + 5 * $(CRASH_CYCLES))))
crash: $(call runs,release,$(call programs,crash)) ## kill writers, reopen, compare (CRASH_CYCLES=200)

# A fuzzer begins with its kept inputs, where there are any; what it finds goes to build/.
CORPUS    = $(wildcard tests/fuzz/corpus/$(notdir $*))
ARGS_fuzz = -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
            $(if $(CORPUS),$(shell mkdir -p build/$(CORPUS))build/$(CORPUS) $(CORPUS))

.PHONY: fuzz
fuzz: export TEST_TIMEOUT = $(shell echo $$((900 + $(FUZZ_SECONDS))))
fuzz: $(call runs,fuzz,$(call programs,fuzz)) ## feed random input to the parsers (FUZZ_SECONDS=60)

.PHONY: long
long: export XKV_DRAWS = 1000
long: export XKV_OPERATIONS = 1000000
long: export TEST_TIMEOUT = 7200
long: $(addprefix build/release/conformance/differential.,redis cluster-3)
long: $(call runs,release,conformance/uniformity conformance/differential) ## what chance chooses, by a million draws; a million random operations per backend

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

# --- Windows --------------------------------------------------------------------------

# Built with mingw-w64, run with wine: scripts/windows.sh, which says what of both it takes.
CC_windows      = x86_64-w64-mingw32-gcc
CFLAGS_windows  = -std=c11 -O2 -g -Wall -Wextra -Werror -Wno-format -Ixkv/include -MMD -MP
CFLAGS_windows += -D__USE_MINGW_ANSI_STDIO=1
LIBS_windows    = -lws2_32 -ladvapi32 -lshell32
LMDB_windows    = $(shell go list -m -f '{{.Dir}}' github.com/PowerDNS/lmdb-go)/lmdb
# Of the unit and conformance tests, those whose list of reasons names all of them.
APART_windows   = $(shell awk '$$2 == "*" { print $$1 }' tests/windows/unix-only.txt)
PROGRAMS_windows = $(filter-out $(APART_windows),$(call programs,unit conformance windows/tests))

build/windows/xkv/%.o: CFLAGS_windows += -Ixkv/src
build/windows/tests/%.o: CFLAGS_windows += -D_GNU_SOURCE -DXXH_INLINE_ALL -Ixkv/src -include tests/windows/posix.h \
    -Itests/windows/include -Ibuild/windows/include

build/windows/%.o: %.c
	@mkdir -p $(@D)
	@$(CC_windows) $(CFLAGS_windows) -c -o $@ $<

build/windows/lmdb/%.o: go.mod
	@mkdir -p $(@D)
	@$(CC_windows) -O2 -g -w -c -o $@ $(LMDB_windows)/$*.c

build/windows/libxkv.a: $(SOURCES:%.c=build/windows/%.o) build/windows/lmdb/mdb.o build/windows/lmdb/midl.o
	@rm -f $@
	@$(CC_windows:gcc=ar) rcs $@ $^

build/windows/xkv.exe: $(patsubst %.c,build/windows/%.o,$(wildcard cli/*.c)) build/windows/libxkv.a
	@$(CC_windows) -static -o $@ $^ $(LIBS_windows)

# xxHash is one header on every system.
build/windows/include/xxhash.h: /usr/include/xxhash.h
	@mkdir -p $(@D)
	@cp $< $@
build/windows/tests/unit/xxh64.o: build/windows/include/xxhash.h

build/windows/%.exe: build/windows/tests/%.o build/windows/tests/windows/posix.o build/windows/libxkv.a
	@mkdir -p $(@D)
	@$(CC_windows) -static -o $@ $^ $(LIBS_windows) -lpthread

build/windows/k6.exe: go.mod go.sum $(SOURCES) $(wildcard *.go */*.go cmd/*/*.go)
	@mkdir -p $(@D)
	GOOS=windows GOARCH=amd64 CC=$(CC_windows) CGO_CFLAGS="-O2 -g -w" go build -o $@ ./cmd/k6

.PHONY: windows
windows: build/windows/k6.exe build/windows/xkv.exe

build/windows/%.run: build/windows/%.exe
	@scripts/quietly.sh "windows $*" scripts/windows.sh unit $*

.PHONY: windows-programs
windows-programs: $(PROGRAMS_windows:%=build/windows/%.run)

.PHONY: test-windows
test-windows: ## build for Windows, and run the C and JavaScript tests with wine
	@scripts/setup.sh windows
	@$(MAKE) --no-print-directory xkv windows $(PROGRAMS_windows:%=build/windows/%.exe)
	@scripts/windows.sh test

# --- Installing -------------------------------------------------------------------

VERSION = $(shell sed -n 's/^.define XKV_VERSION "\(.*\)"$$/\1/p' xkv/include/xkv.h)

# What the tool writes about itself, and what programs ask about the library.
build/share/xkv.1: ABOUT = man
build/share/xkv.bash: ABOUT = bash
build/share/_xkv: ABOUT = zsh
build/share/xkv.1 build/share/xkv.bash build/share/_xkv: build/xkv
	@mkdir -p $(@D)
	@$< --generate $(ABOUT) >$@

.PHONY: build/share/xkv.pc
build/share/xkv.pc: cli/xkv.pc.in
	@mkdir -p $(@D)
	@sed -e 's#@PREFIX@#$(PREFIX)#' -e 's#@VERSION@#$(VERSION)#' -e 's#@LIBS@#$(LIBS)#' $< >$@

# Where each file goes, which it is, and its mode.
INSTALLED = \
    bin/xkv:build/xkv:755 \
    include/xkv.h:xkv/include/xkv.h:644 \
    lib/libxkv.a:build/libxkv.a:644 \
    lib/$(SONAME):build/$(SONAME):755 \
    lib/pkgconfig/xkv.pc:build/share/xkv.pc:644 \
    share/doc/xkv/LICENSE:LICENSE:644 \
    share/doc/xkv/LICENSE.LMDB:build/lmdb/LICENSE:644 \
    share/man/man1/xkv.1:build/share/xkv.1:644 \
    share/bash-completion/completions/xkv:build/share/xkv.bash:644 \
    share/zsh/site-functions/_xkv:build/share/_xkv:644
SHARED_LINK = lib/$(subst .0,,$(SONAME))

part = $(word $2,$(subst :, ,$1))

.PHONY: install
install: $(foreach f,$(INSTALLED),$(call part,$f,2)) ## install the tool and the C library (PREFIX=/usr/local, DESTDIR=)
	@for file in $(INSTALLED); do \
	    to="$(DESTDIR)$(PREFIX)/$${file%%:*}"; what=$${file#*:}; \
	    mkdir -p "$${to%/*}" && install -m "$${what#*:}" "$${what%:*}" "$$to" || exit; \
	done
	@ln -sf $(SONAME) "$(DESTDIR)$(PREFIX)/$(SHARED_LINK)"

.PHONY: uninstall
uninstall: ## remove what install has put there
	@cd "$(DESTDIR)$(PREFIX)" && rm -f $(foreach f,$(INSTALLED),$(call part,$f,1)) $(SHARED_LINK)

# --- Releases ---------------------------------------------------------------------

# Which archives: systems and processors, such as linux_arm64, and "source". All, if none is named.
DIST ?=

.PHONY: dist
dist: ## build a release's archives in build/dist, and try them (DIST="linux_amd64 source")
	@scripts/setup.sh dist
	@scripts/dist.sh $(DIST)

# Its name, and what lies below: an image with a shell, for k6-operator.
IMAGE ?= xk6-kv:$(VERSION)
BASE  ?= scratch

.PHONY: image
image: ## build a container image (IMAGE=name BASE=scratch)
	@scripts/setup.sh dist
	@BASE=$(BASE) scripts/dist-image.sh $(IMAGE)

.PHONY: test-dist
test-dist: ## test all of that at length: the same bits twice, the image, what is planted is found
	@scripts/setup.sh dist-test
	@tests/dist/all.sh

# The tool in them is made of the same sources by another compiler, and has no OpenSSL.
define dist
build/dist/$1/%: CC = scripts/dist-cc.sh $1
$(call flavour,dist/$1,scripts/dist-cc.sh $1)
CFLAGS_dist/$1 = -O2 -w

$(LMDB_OBJECTS:build/lmdb/%=build/dist/$1/lmdb/%): build/lmdb/names.h
	@mkdir -p $$(@D)
	@$$(LMDB_COMPILE) -include build/lmdb/names.h

build/dist/$1/bin/xkv: $(patsubst %.c,build/dist/$1/%.o,$(SOURCES) $(wildcard cli/*.c)) $(LMDB_OBJECTS:build/lmdb/%=build/dist/$1/lmdb/%)
	@mkdir -p $$(@D)
	@$$(CC) -O2 -s $(if $(filter linux_%,$1),-static) -o $$@ $$^ $(if $(filter windows_%,$1),-lws2_32 -ladvapi32 -lshell32,-lpthread)
endef
DIST_ALL := $(shell sed -n 's/^readonly ALL_TARGETS=(\(.*\))$$/\1/p' scripts/dist-about.sh)
$(foreach t,$(DIST_ALL),$(eval $(call dist,$t)))

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

.PHONY: scripts
scripts: ## make the header of the scripts that servers run, of xkv/src/remote/scripts/*.lua
	@scripts/lua.sh

.PHONY: shape
shape: ## the rooms of the library, what they include, and what has become long
	@scripts/shape.sh

BENCHES = $(addprefix build/release/bench/,libxkv files servers)

# K6=path adds a column: another k6 whose scripts can import "k6/x/kv".
K6 ?=

.PHONY: bench
bench: setup-bench all $(BENCHES) ## measure (nine minutes; K6=path: another k6 beside ours, twice that)
	@$(MAKE) --no-print-directory build/bench/k6-redis build/bench/callers || echo "not built; measuring without Redis"
	@bench/run.sh ./k6 $(K6)

.PHONY: bench-quick
bench-quick: all $(BENCHES) ## measure roughly (a minute; K6=path)
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

build/bench/callers: bench/redis/go.mod bench/redis/go.sum $(wildcard bench/redis/callers/*.go)
	@mkdir -p $(@D)
	cd bench/redis && go build -o ../../$@ ./callers

# --- Documents ---------------------------------------------------------------------

SITE_TOOLS = build/site-tools

.PHONY: site
site: setup-site ## make build/site of the documents: pages that can be searched
	@scripts/docs.py pages build/site-pages
	@NO_MKDOCS_2_WARNING=1 $(SITE_TOOLS)/bin/mkdocs build --quiet --strict --config-file docs/site/mkdocs.yml
	@scripts/docs.py site build/site
	@echo "build/site/index.html; to search, too: python3 -m http.server --directory build/site"

.PHONY: setup-site
setup-site: $(SITE_TOOLS)/done ## install what make site needs, into build/site-tools

$(SITE_TOOLS)/done: docs/site/requirements.txt
	@scripts/setup.sh site
	@rm -rf $(SITE_TOOLS)
	@python3 -m venv $(SITE_TOOLS)
	@$(SITE_TOOLS)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

.PHONY: clean
clean: ## remove what was built
	rm -rf build k6 tests/types/node_modules

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
