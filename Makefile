# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists the targets. Objects are in build/BUILD/, BUILD is default, asan or release.
# Honoured: CC CFLAGS CPPFLAGS LDFLAGS PREFIX BINDIR MANDIR SYSCONFDIR DESTDIR, V=1 (show commands),
# DEVELOPER=1 (warnings are errors).

VERSION  = 0.1.0
BUILD   ?= default
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
CFLAGS  ?= -O2 -g
INSTALL ?= install

O    := build/$(BUILD)
BIN  := $(if $(filter default,$(BUILD)),build/cruntime,$(O)/cruntime)
Q    := $(if $(V),,@)
say   = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

SOURCES := $(wildcard src/base/*.c src/oci/*.c src/kernel/*.c src/container/*.c src/cli/*.c)
OBJECTS := $(SOURCES:%.c=$(O)/%.o)
LIBRARY := $(O)/libcruntime.a
UNITS   := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
PROBE   := build/probe
STAND_IN := build/resctrl.so
MODULES := libseccomp libcap yajl libmnl

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# --- flags ----------------------------------------------------------------------------------------

# Evaluated when the first recipe needs it, and then only once; never for help, deps or clean.
once      = $(eval $(1) := $(2))$(2)
cc-option = $(if $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>&1 || echo no),,$(1))
pkg       = $(shell pkg-config $(1) $(MODULES) || echo pkg-config-failed-see-make-deps)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Walloca -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum \
	-Wredundant-decls
# Not known to every supported compiler (gcc 12 and 14, clang 14).
# clang counts a format that a function merely passes on as one that is not a literal.
PROBED_WARNINGS := $(if $(findstring clang,$(CC)),-Wno-format-nonliteral) -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init \
	-Wtrampolines
HARDENING := -fPIE -fvisibility=hidden -fno-common -fstack-protector-strong \
	-fno-delete-null-pointer-checks -fno-strict-aliasing -fno-strict-overflow
PROBED_HARDENING := -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero \
	-fstrict-flex-arrays=3
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

PROBED    = $(call once,PROBED,$(foreach f,$(PROBED_WARNINGS) $(PROBED_HARDENING),$(call cc-option,$(f))))
PKG_FLAGS = $(call once,PKG_FLAGS,$(call pkg,--cflags))
PKG_LIBS  = $(call once,PKG_LIBS,$(if $(filter release,$(BUILD)),$(RELEASE_LIBS),$(call pkg,--libs)))
COMMIT    = $(call once,COMMIT,$(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown))

FORTIFY := $(if $(filter asan,$(BUILD))$(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
ALL_CPPFLAGS = -D_GNU_SOURCE $(FORTIFY) -Iinclude -Isrc $(PKG_FLAGS) $(CPPFLAGS)
# Instrumented code makes compilers warn about what cannot happen, so there no warning is an error.
STRICT       = $(if $(filter asan,$(BUILD)),$(SANITIZE),$(if $(DEVELOPER),-Werror))
ALL_CFLAGS   = -std=gnu17 $(HARDENING) $(WARNINGS) $(PROBED) $(STRICT) $(CFLAGS)
LINK_release = -static-pie
LINK_asan    = -pie $(SANITIZE)
LINK_default = -pie
ALL_LDFLAGS  = $(LINK_$(BUILD)) -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed \
	$(LDFLAGS)

# --- the program ----------------------------------------------------------------------------------

all: $(BIN) ## build the program (default)

$(O)/%.o: %.c Makefile
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(DEFINES) -MMD -MP -c -o $@ $<

# Only what prints the version is built again when it changes.
VERSION_OBJECTS := $(patsubst %.c,$(O)/%.o,$(shell grep -ls CRUNTIME_COMMIT $(SOURCES) /dev/null))
$(VERSION_OBJECTS): DEFINES = -DCRUNTIME_VERSION='"$(VERSION)"' -DCRUNTIME_COMMIT='"$(COMMIT)"'
$(VERSION_OBJECTS): $(O)/version
$(O)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' >$@

# Everything but main(): the unit tests link it too.
$(LIBRARY): $(filter-out $(O)/src/cli/main.o,$(OBJECTS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BIN): $(O)/src/cli/main.o $(LIBRARY) $(if $(filter release,$(BUILD)),$(O)/libmnl.a)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %/libmnl.a,$^) $(PKG_LIBS)
	$(if $(filter release,$(BUILD)),$(Q)strip $@)

release: ## one fully static binary, build/release/cruntime
	$(Q).ci/deps build release
	$(Q)$(MAKE) --no-print-directory BUILD=release all

RELEASE_LIBS = -lseccomp -lcap -lyajl_s $(O)/libmnl.a
# Debian has no libmnl.a: it is made from Debian's source package.
$(O)/libmnl.a:
	$(call say,LIBMNL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)CC='$(CC)' CFLAGS='$(HARDENING) $(CFLAGS)' .ci/libmnl $@

-include $(OBJECTS:.o=.d) $(UNITS:%=%.d)

deps: ## install what build, tests and lint need (Debian, as root)
	$(Q).ci/deps build demo test lint

demo: ## build, make a bundle from busybox, run it
	$(Q).ci/deps build demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q).ci/demo $(BIN) build/demo

# --- tests ----------------------------------------------------------------------------------------

TEST_SETUP = $(Q).ci/deps build test
TEST_BUILD = $(Q)$(MAKE) --no-print-directory $(O)/tests-are-built
RUN_TESTS  = $(Q)CRUNTIME=$(abspath $(BIN)) CRUNTIME_PROBE=$(abspath $(PROBE)) tests/run -b $(O)

check: ## all tests, with their set-up
	$(TEST_SETUP)
	$(TEST_BUILD)
	$(RUN_TESTS) unit integration

check-unit: ## unit tests only
	$(TEST_SETUP)
	$(TEST_BUILD)
	$(RUN_TESTS) unit

check-integration: ## integration tests only; T='-k hooks' selects
	$(TEST_SETUP)
	$(TEST_BUILD)
	$(RUN_TESTS) integration $(T)

asan: ## the same tests with the address and undefined-behaviour sanitizers
	$(Q)$(MAKE) --no-print-directory BUILD=asan check

check-engines: ## containerd, Docker, podman, buildah with it; T='-k docker' selects, T=-s: short form
	$(Q).ci/deps build test engines
	$(Q)$(MAKE) --no-print-directory all
	$(Q)CRUNTIME=$(abspath $(BIN)) tests/engines/run $(T)

bench: ## start-up time, compared with crun and runc if they are installed
	$(Q).ci/deps build demo test bench
	$(Q)$(MAKE) --no-print-directory all build/bench/floor build/bench/measure
	$(Q)[ ! -e build/release/cruntime ] || $(MAKE) --no-print-directory BUILD=release all
	$(Q)tests/bench/run

$(O)/tests-are-built: $(BIN) $(UNITS) $(PROBE) $(STAND_IN)
.PHONY: $(O)/tests-are-built

# A line " * wrap: open read" in a test replaces these functions by the test's __wrap_open ...
wraps = $(foreach f,$(shell sed -n 's/^ \* wrap: //p' $(1)),-Wl,--wrap=$(f))
$(O)/unit/%: tests/unit/%.c $(LIBRARY) Makefile
	$(call say,UNIT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Itests/unit $(filter-out -Wnull-dereference,$(ALL_CFLAGS)) \
		-MMD -MP -MF $@.d $(ALL_LDFLAGS) $(call wraps,$<) -o $@ $< $(LIBRARY) $(PKG_LIBS) -lcmocka

$(PROBE): $(wildcard tests/probe/*.[ch]) Makefile
	$(call say,PROBE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -static -o $@ $(filter %.c,$^)

$(STAND_IN): tests/stand-in/resctrl.c Makefile
	$(call say,STAND-IN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -shared -fPIC -o $@ $<

build/bench/%: tests/bench/%.c Makefile
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -static -o $@ $<

# --- care -----------------------------------------------------------------------------------------

FORMATTED = $(wildcard include/*/*.h src/*/*.[ch] tests/unit/*.[ch] tests/probe/*.[ch] \
	tests/bench/*.c tests/fuzz/*.c tests/stand-in/*.c)

lint: ## layers, sizes, forbidden calls, shell scripts
	$(Q)tests/lint/run

format: ## clang-format on all C files
	$(Q)clang-format -i $(FORMATTED)

format-check: ## fail if clang-format would change a file
	$(Q)clang-format --dry-run --Werror $(FORMATTED)

man-lint: ## check the man pages
	$(Q)mandoc -T lint -W warning $(wildcard man/*.[1-8])

compile_commands.json: FORCE ## for editors and clang tools
	$(Q)( sep='['; for f in $(SOURCES); do \
		printf '%s\n{"directory":"%s","file":"%s","command":"%s"}' "$$sep" '$(CURDIR)' "$$f" \
		'$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c '"$$f"; sep=','; done; printf '\n]\n' ) >$@

# podman reads drop-ins below /etc only, wherever the program is.
DROP_IN = $(DESTDIR)$(SYSCONFDIR)/containers/containers.conf.d/60-cruntime.conf

install: all ## program, manual, drop-in for podman; honours DESTDIR and PREFIX
	$(Q)$(INSTALL) -D -m 0755 $(BIN) $(DESTDIR)$(BINDIR)/cruntime
	$(Q)$(foreach m,$(wildcard man/*.[1-8]),$(INSTALL) -D -m 0644 $(m) \
		$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m));)
	$(Q)mkdir -p $(dir $(DROP_IN))
	$(Q)sed 's|@BINDIR@|$(BINDIR)|' man/containers.conf.in >$(DROP_IN)
	$(Q)chmod 0644 $(DROP_IN)

install-release: release ## the same with the static binary
	$(Q)$(MAKE) --no-print-directory BUILD=release install

uninstall: ## remove what install made
	$(Q)rm -f $(DESTDIR)$(BINDIR)/cruntime $(DROP_IN)
	$(Q)rm -f $(foreach m,$(wildcard man/*.[1-8]),\
		$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))

dist: ## source archive of the last commit
	$(Q)mkdir -p build
	$(Q)git archive --prefix=cruntime-$(VERSION)/ -o build/cruntime-$(VERSION).tar.gz HEAD

clean: ## remove build/
	$(Q)rm -rf build compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile

FORCE:
.PHONY: FORCE all release deps demo check check-unit check-integration check-engines asan bench lint format \
	format-check man-lint install install-release uninstall dist clean help
