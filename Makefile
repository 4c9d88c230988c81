# taskcenter: built, installed and checked with PGXS.
#
#   make                   build for the server that PG_CONFIG describes
#   make install           install there
#   make installcheck      regress, isolation and TAP tests of what is installed,
#                          each suite on servers of its own; also as root
#   make lint              the rules of the code base; make indent rewrites C
#
# These need nothing but Debian and make, and leave every PostgreSQL server of
# the machine alone; they print first what they will change:
#
#   make test              everything, in a private folder
#   make test-long         the same with the long campaigns
#   make demo              a tour on a throwaway server (KEEP=1 leaves it up)
#
# DEV=1 adds -Werror and assertions.  TESTS='a b' restricts installcheck to the
# named regress tests, isolation specs or TAP files.

EXTENSION  = taskcenter
MODULE_big = taskcenter

SOURCES := $(sort $(wildcard src/*.c src/*/*.c))
INCLUDES := $(sort $(wildcard src/*.h src/*/*.h))
OBJS     = $(SOURCES:.c=.o)

# Headers are included by their bare names, whatever folder they lie in.
PG_CPPFLAGS = -Isrc $(patsubst %/,-I%,$(filter-out src/,$(sort $(dir $(INCLUDES)))))
PG_CFLAGS   = -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
	-Wmissing-prototypes $(CC_WARNINGS)

# The server's packaged flags and headers were chosen for gcc.
CC_WARNINGS = $(if $(findstring clang,$(notdir $(CC))),\
	-Wno-ignored-attributes -Wno-unknown-warning-option \
	-Wno-unused-command-line-argument -Wno-ignored-optimization-argument,\
	-Wshadow=local -Wno-clobbered)

ifdef DEV
PG_CPPFLAGS += -DUSE_ASSERT_CHECKING
PG_CFLAGS   += -Werror
endif

# Inlining our functions into queries gains nothing, and costs a second compiler.
override with_llvm := no

# The install script is the parts in the order of their numbers, 00 to 99.
EXTVERSION  := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" taskcenter.control)
SQL_PARTS   := $(sort $(wildcard sql/parts/[0-9][0-9]*.sql))
INSTALL_SQL  = sql/taskcenter--$(EXTVERSION).sql
DATA_built   = $(INSTALL_SQL)
DATA         = $(sort $(wildcard sql/released/*.sql sql/upgrade/*--*--*.sql))

# Suites.  Inputs lie in test/, every expected file in expected/.  A file
# sql/foo.sql would shadow test/sql/foo.sql, so only names with "--" may lie in
# sql/.  TEMP_SERVER=no runs regress and isolation on the running server.
SELECTED = $(if $(TESTS),$(filter $(TESTS),$(1)),$(1))
REGRESS   := $(call SELECTED,$(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql))))
ISOLATION := $(call SELECTED,$(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec))))
PROVE_TESTS := $(if $(TESTS),$(filter $(addprefix %/,$(TESTS)) $(addprefix %/,$(TESTS:=.pl)),$(wildcard test/t/*.pl)),$(sort $(wildcard test/t/*.pl)))
TAP_TESTS := $(if $(PROVE_TESTS),1)

SUITE_OPTS     = --no-locale --encoding=UTF8
TEMP_SERVER    = yes
REGRESS_OPTS   = --inputdir=test $(SUITE_OPTS) $(if $(filter yes,$(TEMP_SERVER)),--temp-instance=./tmp_check)
ISOLATION_OPTS = --inputdir=test --outputdir=. $(SUITE_OPTS) --load-extension=taskcenter \
	$(if $(filter yes,$(TEMP_SERVER)),--temp-instance=./tmp_check_iso)

EXTRA_CLEAN = .buildflags tmp_indent results regression.diffs regression.out \
	output_iso tmp_check tmp_check_iso log

# No server runs as root: then the suites run as the user postgres, on a copy.
ROOT := $(filter 0,$(shell id -u))
ifneq ($(ROOT),)
NO_INSTALLCHECK = 1
endif

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
BARE  = test test-long demo
ifneq ($(PGXS),)
include $(PGXS)
else ifneq ($(filter-out $(BARE),$(or $(MAKECMDGOALS),all)),)
$(error $(PG_CONFIG) finds no PGXS: install postgresql-server-dev-15, or set PG_CONFIG)
endif

PROVE_FLAGS += --timer

ifneq ($(ROOT),)
.PHONY: installcheck
installcheck:
	test/tools/installcheck-as-postgres $(MAKE)
endif

$(INSTALL_SQL): $(SQL_PARTS) taskcenter.control
	cat $(SQL_PARTS) > $@.new
	mv $@.new $@

# Objects are made anew when a header, the compiler, its flags or the server's
# version changed.  Folders are left out: a relocated server is the same server.
$(OBJS): $(INCLUDES) .buildflags

BUILDFLAGS = $(CC) $(CFLAGS) $(filter-out -I%,$(CPPFLAGS)) $(VERSION)
.buildflags: force
	@echo '$(BUILDFLAGS)' | cmp -s - $@ || echo '$(BUILDFLAGS)' > $@

.PHONY: force lint indent indent-check test test-long demo
force:

# pg_bsd_indent has to know which names are types: the debug information of our
# own sources tells.
TYPEDEFS = $(SOURCES:src/%.c=tmp_indent/%.types)

tmp_indent/%.types: src/%.c $(INCLUDES)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(CPPFLAGS) -O0 -U_FORTIFY_SOURCE -w -g -fno-eliminate-unused-debug-types -c -o $(@:.types=.o) $<
	@test/lint/typedefs $(@:.types=.o) > $@

indent: $(TYPEDEFS)
	@test/lint/indent write $(TYPEDEFS) -- $(SOURCES) $(INCLUDES)

indent-check: $(TYPEDEFS)
	@test/lint/indent check $(TYPEDEFS) -- $(SOURCES) $(INCLUDES)

lint: all $(TYPEDEFS)
	@CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' test/lint/run $(shlib) $(TYPEDEFS) -- $(SOURCES) $(INCLUDES)

test:
	@test/tools/run-tests

test-long:
	@TASKCENTER_LONG=1 test/tools/run-tests

demo:
	@examples/demo/demo.sh
