# Eider: an io_uring executor for C servers.
#
#	make run		build the ledger and run it, on an SQLite database
#	make demo		build the example and run it
#	make check		build and run all tests
#	make check SAN=thread	the same under a sanitizer: address, undefined, thread
#	make check-valgrind	the same under Valgrind, in a short form
#	make check-page		the ledger's page, in a browser (Chromium)
#	make model		check the wake-up protocol with spin
#	make bench		measure, ourselves and our peers (PEERS="uv go": these)
#	make bench-plots	draw what it measured
#	make bench-ledger	measure the ledger, beside servers of other makes
#	make tidy		what a reader trips over: format, layers, heads
#	make			libraries and program, in build/release
#	make install		to $(DESTDIR)$(PREFIX)
#
# run, demo, check, model and bench install the packages they miss, with apt-get; not
# with EIDER_NO_INSTALL=1. DEVELOPER=1 makes warnings errors. Each flavour has a
# build directory of its own, so switching between them rebuilds nothing.

CC ?= gcc
AR ?= ar
PREFIX ?= /usr/local
BUILD ?= build
SAN ?=
V ?=
Q := $(if $(V),,@)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wundef -fno-common $(if $(DEVELOPER),-Werror)
OPT ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread $(WARN) \
	$(OPT) -Iinclude -Isrc $(PQ_CFLAGS) $(PEER_CFLAGS) -MMD -MP $(CFLAGS)
# libpq has its headers in a folder of their own on Debian.
PQ_CFLAGS := $(addprefix -isystem ,$(shell pg_config --includedir 2>/dev/null))

SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
ifeq ($(SAN),undefined)
SAN_FLAGS += -fno-sanitize-recover=all
endif

LIB_SRC := $(sort $(wildcard src/base/*.c src/loop/*.c src/fiber/*.c \
	src/executor/*.c src/observe/*.c src/net/*.c) src/db/db.c src/db/connection.c \
	src/db/transaction.c src/db/url.c)
SQLITE_SRC := $(sort $(wildcard src/db/sqlite*.c))
POSTGRES_SRC := $(sort $(wildcard src/db/postgres*.c))
EIDER_SRC := $(sort $(wildcard src/programs/eider/*.c))
LEDGER_SRC := $(sort $(wildcard src/programs/ledger/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
HARNESS_SRC := $(filter-out tests/test_%,$(sort $(wildcard tests/*.c)))
# One program for each system, and what they share. A peer's only where it is
# installed, which perf/peers knows. Asked when it is needed, not at each make.
PEERS ?= uv glib asio tokio go python
SYSTEMS = $(eval SYSTEMS := $$(shell perf/peers eider raw $$(PEERS)))$(SYSTEMS)
BENCH_COMMON := perf/common/measure.c perf/common/program.c perf/common/echo.c
LEDGER_BENCHES = http_get http_flood http_probe http_hold ledger_plain \
	$(if $(filter uv,$(SYSTEMS)),http_uv)

R := $(BUILD)/release
T := $(BUILD)/test$(if $(SAN),-$(SAN))

LIBS := -luring
SQLITE_LIBS := -lsqlite3
POSTGRES_LIBS := -lpq
LEDGER_LIBS := -lhttp_parser -ljansson
CHECK_LIBS := -lcheck -lsubunit -lrt -lm
# The test's own optimization: TSan and ASan want frames, gdb wants lines.
T_FLAGS := -O1 -DEIDER_FAULTS -DEIDER_DEBUG_BUILD $(SAN_FLAGS)

R_OBJ = $(patsubst %.c,$(R)/%.o,$(1))
T_OBJ = $(patsubst %.c,$(T)/%.o,$(1))
TESTS := $(patsubst tests/%.c,$(T)/%,$(TEST_SRC))

.SECONDEXPANSION:
.PHONY: all run demo check check-page check-valgrind model bench bench-plots bench-ledger \
	tidy install clean tests benches
all: $(R)/libeider.a $(R)/libeider.so $(R)/libeider-sqlite.a \
	$(R)/libeider-sqlite.so $(R)/libeider-postgres.a $(R)/libeider-postgres.so \
	$(R)/eider $(R)/ledger

# --- the two commands, and their kin --------------------------------------

run:
	$(Q).ci/packages build
	$(Q)$(MAKE) --no-print-directory $(R)/ledger
	$(Q)$(R)/ledger $(LEDGER)

demo:
	$(Q).ci/packages build
	$(Q)$(MAKE) --no-print-directory $(R)/eider
	$(Q)$(R)/eider demo $(DEMO)

check:
	$(Q).ci/packages build check
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/run $(T)

check-page:
	$(Q).ci/packages build page
	$(Q)$(MAKE) --no-print-directory $(R)/ledger
	$(Q)tests/page/run $(R)/ledger

check-valgrind:
	$(Q).ci/packages build check valgrind
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/valgrind tests
	$(Q)EIDER_UNDER=valgrind tests/run $(BUILD)/valgrind/test

model:
	$(Q).ci/packages model
	$(Q)tests/model/run

bench:
	$(Q).ci/packages build bench $(addprefix bench-,$(PEERS))
	$(Q)$(MAKE) --no-print-directory benches
	$(Q)perf/run --build $(R) --json $(BUILD)/bench.json $(BENCH)

bench-plots:
	$(Q).ci/packages plots
	$(Q)perf/plots $(BUILD)/bench.json $(BUILD)/plots

bench-ledger:
	$(Q).ci/packages build bench bench-uv
	$(Q)$(MAKE) --no-print-directory $(R)/eider $(R)/ledger \
		$(addprefix $(R)/,$(LEDGER_BENCHES))
	$(Q)perf/ledger $(R) $(BENCH)

tidy:
	$(Q).ci/packages tidy
	$(Q)tests/tidy

tests: $(TESTS) $(T)/eider $(T)/ledger
benches: $$(addprefix $(R)/bench_,$$(SYSTEMS)) $(R)/eider

# --- the release build ----------------------------------------------------

$(R)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC       $<")
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(R)/libeider.a: $(call R_OBJ,$(LIB_SRC))
$(R)/libeider-sqlite.a: $(call R_OBJ,$(SQLITE_SRC))
$(R)/libeider-postgres.a: $(call R_OBJ,$(POSTGRES_SRC))
$(R)/%.a:
	$(if $(Q),@echo "  AR       $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(R)/libeider.so: $(call R_OBJ,$(LIB_SRC)) src/eider.map
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -shared -pthread -Wl,-soname,libeider.so.0 \
		-Wl,--version-script=src/eider.map $(LDFLAGS) \
		$(filter %.o,$^) $(LIBS) -o $@
	$(Q)ln -sf libeider.so $@.0

$(R)/libeider-sqlite.so: $(call R_OBJ,$(SQLITE_SRC))
$(R)/libeider-sqlite.so: ENGINE_LIBS := $(SQLITE_LIBS)
$(R)/libeider-postgres.so: $(call R_OBJ,$(POSTGRES_SRC))
$(R)/libeider-postgres.so: ENGINE_LIBS := $(POSTGRES_LIBS)
$(R)/libeider-sqlite.so $(R)/libeider-postgres.so: src/eider.map $(R)/libeider.so
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -shared -pthread -Wl,-soname,$(@F).0 \
		-Wl,--version-script=src/eider.map $(LDFLAGS) \
		$(filter %.o,$^) -L$(R) -leider $(ENGINE_LIBS) -o $@
	$(Q)ln -sf $(@F) $@.0

$(R)/eider: $(call R_OBJ,$(EIDER_SRC)) $(R)/libeider-sqlite.a $(R)/libeider.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ $(SQLITE_LIBS) $(LIBS) -o $@

$(R)/ledger: $(call R_OBJ,$(LEDGER_SRC)) $(R)/libeider-sqlite.a \
		$(R)/libeider-postgres.a $(R)/libeider.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ $(SQLITE_LIBS) $(POSTGRES_LIBS) \
		$(LEDGER_LIBS) $(LIBS) -o $@

# --- tests: the library with fault injection and assertions -----------------

$(T)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC       $< $(SAN)")
	$(Q)$(CC) $(ALL_CFLAGS) $(T_FLAGS) -c $< -o $@

$(T)/libeider.a: $(call T_OBJ,$(LIB_SRC) $(SQLITE_SRC) $(POSTGRES_SRC))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

T_LIBS = $(SQLITE_LIBS) $(POSTGRES_LIBS) $(LIBS)

$(T)/eider: $(call T_OBJ,$(EIDER_SRC)) $(T)/libeider.a
	$(Q)$(CC) -pthread $(SAN_FLAGS) $(LDFLAGS) $^ $(T_LIBS) -o $@

$(T)/ledger: $(call T_OBJ,$(LEDGER_SRC)) $(T)/libeider.a
	$(Q)$(CC) -pthread $(SAN_FLAGS) $(LDFLAGS) $^ $(LEDGER_LIBS) $(T_LIBS) -o $@

# The parts of the ledger, for tests of those.
$(T)/libledger.a: $(call T_OBJ,$(filter-out %/ledger.c,$(LEDGER_SRC)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(T)/libharness.a: $(call T_OBJ,$(HARNESS_SRC))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(T)/test_%: $(T)/tests/test_%.o $(T)/libharness.a $(T)/libledger.a $(T)/libeider.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(SAN_FLAGS) $(LDFLAGS) $^ $(LEDGER_LIBS) $(T_LIBS) \
		$(CHECK_LIBS) -o $@

# What the assembler takes in, the compiler does not tell.
$(R)/src/programs/ledger/page.o $(T)/src/programs/ledger/page.o: \
	src/programs/ledger/page.html

# --- benchmarks: against the library as it is installed ---------------------

$(R)/perf/libperf.a: $(call R_OBJ,$(BENCH_COMMON))

BENCH_OBJ = $(call R_OBJ,$(sort $(wildcard perf/$(1)/*.c))) $(R)/perf/libperf.a

$(R)/bench_eider: $(call BENCH_OBJ,eider) $(R)/libeider.a
$(R)/bench_raw: $(call BENCH_OBJ,raw)
$(R)/bench_uv: $(call BENCH_OBJ,uv)
$(R)/bench_glib: $(call BENCH_OBJ,glib)
$(R)/bench_eider $(R)/bench_raw: BENCH_LIBS := -luring
$(R)/bench_uv: BENCH_LIBS := -luv
$(R)/bench_glib: BENCH_LIBS := $(shell pkg-config --libs glib-2.0 2>/dev/null)
$(R)/perf/glib/%.o: PEER_CFLAGS := $(shell pkg-config --cflags glib-2.0 2>/dev/null)
$(R)/bench_eider $(R)/bench_raw $(R)/bench_uv $(R)/bench_glib:
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ $(BENCH_LIBS) -o $@

$(R)/%.o: %.cc
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX      $<")
	$(Q)$(CXX) -std=c++17 -pthread -Wall -Wextra $(OPT) -MMD -MP $(CXXFLAGS) \
		-c $< -o $@

$(R)/bench_asio: $(patsubst %.cc,$(R)/%.o,$(sort $(wildcard perf/asio/*.cc))) \
		$(R)/perf/libperf.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CXX) -pthread $(LDFLAGS) $^ -lboost_context -o $@

# What these download, cache and leave behind stays in the build directory: nothing
# is downloaded.
$(R)/bench_tokio: $(wildcard perf/tokio/* perf/tokio/*/*)
	$(if $(Q),@echo "  CARGO    $@")
	$(Q)rm -f perf/tokio/Cargo.lock
	$(Q)CARGO_HOME=$(abspath $(R))/perf/cargo cargo build --quiet --offline \
		--release --config perf/tokio/.cargo/config.toml \
		--manifest-path perf/tokio/Cargo.toml --target-dir $(R)/perf/tokio
	$(Q)cp $(R)/perf/tokio/release/bench_tokio $@

$(R)/bench_go: $(wildcard perf/go/*)
	$(if $(Q),@echo "  GO       $@")
	$(Q)cd perf/go && GOCACHE=$(abspath $(R))/perf/go GOFLAGS=-buildvcs=false \
		GOPROXY=off go build -trimpath -o $(abspath $@) .

$(R)/bench_python: $(wildcard perf/python/*.py)
	@mkdir -p $(@D)
	$(Q)install -m 755 perf/python/bench_python.py $@

$(R)/http_%: $(R)/perf/http/%.o $(R)/perf/http/client.o $(R)/perf/libperf.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ -o $@

$(R)/http_uv: $(R)/perf/http/uv.o $(R)/perf/libperf.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ -luv -lhttp_parser -o $@

# The ledger's SQL, and the engines that it names.
$(R)/ledger_plain: $(R)/perf/http/plain.o $(R)/perf/http/plain_sqlite.o \
		$(R)/perf/http/plain_postgres.o \
		$(call R_OBJ,$(filter src/programs/ledger/engine%,$(LEDGER_SRC))) \
		$(R)/perf/libperf.a $(R)/libeider-sqlite.a $(R)/libeider-postgres.a \
		$(R)/libeider.a
	$(if $(Q),@echo "  LINK     $@")
	$(Q)$(CC) -pthread $(LDFLAGS) $^ $(SQLITE_LIBS) $(POSTGRES_LIBS) $(LIBS) -o $@

# ----------------------------------------------------------------------------

install: all
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/bin \
		$(DESTDIR)$(PREFIX)/include/eider
	install -m 644 include/eider.h $(DESTDIR)$(PREFIX)/include
	install -m 644 include/eider/*.h $(DESTDIR)$(PREFIX)/include/eider
	for l in libeider libeider-sqlite libeider-postgres; do \
		install -m 644 $(R)/$$l.a $(DESTDIR)$(PREFIX)/lib && \
		install -m 755 $(R)/$$l.so $(DESTDIR)$(PREFIX)/lib/$$l.so.0 && \
		ln -sf $$l.so.0 $(DESTDIR)$(PREFIX)/lib/$$l.so || exit 1; \
	done
	install -m 755 $(R)/eider $(R)/ledger $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
