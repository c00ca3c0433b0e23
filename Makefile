# The commands of everyday work. `make` alone lists them.

# Demo and tests share one build of the dependencies, because the examples bring in the features of the tests.
BUILD := cargo build --bins --examples

.PHONY: help demo test vm check fuzz bench bench-decisions bless prices build install uninstall deb

help:
	@echo 'make demo     build, and tune a real function in lpt-local (no AWS account)'
	@echo 'make test     format check, lints, all tests'
	@echo 'make vm       the demo on control groups version 2 in qemu, as root and not'
	@echo 'make check    type-check only, the fastest feedback'
	@echo 'make fuzz     fuzz each parser 60 s (SECONDS=600: longer); needs a C++ compiler'
	@echo 'make bench    measure lpt-local and the tools; prints the tables in benches/README.md'
	@echo 'make bench-decisions  evaluate how sizes are chosen; prints the table in benches/README.md'
	@echo 'make bless    rewrite the man pages and the expected outputs of the tests'
	@echo 'make prices FILE…  write src/price/prices.csv anew from offer files of AWS (CONTRIBUTING.md)'
	@echo 'make build    the tools, optimized, in target/release; TARGET=x86_64-unknown-linux-musl: linked statically'
	@echo 'make install  tools, man pages and completions to PREFIX (/usr/local) below DESTDIR; after make build'
	@echo 'make uninstall PREFIX=…  remove them again'
	@echo 'make deb      a Debian package in target/deb; after make build'

demo:
	$(BUILD)
	@PATH="$(CURDIR)/target/debug:$$PATH" examples/demo.sh

# Both runners run the same tests; nextest also ends a test that hangs.
test:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run; else set -x; cargo test; fi

vm:
	$(BUILD)
	@tests/vm/run.sh

check:
	cargo check --all-targets

# New inputs are kept in fuzz/target, so that a run continues where the last one stopped; inputs that fail, in
# fuzz.
SECONDS := 60
fuzz:
	cd fuzz && cargo build --locked
	@cd fuzz && for target in $$(ls corpus); do \
	  mkdir -p target/corpus/$$target; \
	  target/debug/$$target -max_total_time=$(SECONDS) -timeout=10 -artifact_prefix=failed-$$target- \
	    target/corpus/$$target corpus/$$target >target/$$target.log 2>&1 || { tail -n 40 target/$$target.log; exit 1; }; \
	  echo "$$target: $$(grep '^Done' target/$$target.log)"; \
	done

# Dev builds where the share of CPU is measured, or the service; a release build where our code is.
bench:
	cargo bench --profile dev --bench cpu_share --bench fleet --bench in_flight
	cargo bench --bench saved_runs

# Of the data in ../shared/data, where it is there, and of synthetic functions.
bench-decisions:
	cargo bench --profile dev --bench decisions

bless:
	LPT_BLESS=1 cargo test --test tests -- --test-threads 1 docs:: a_file_and_stdin_give_the_same

# The goals after `prices` are files, for which make has nothing to do.
OFFERS = $(filter-out prices,$(MAKECMDGOALS))
prices:
	@test -n '$(OFFERS)' || { echo 'make prices: name the offer files of AWS: make prices us-east-1.json…' >&2; exit 2; }
	cargo run --quiet --example prices -- $(OFFERS) > src/price/prices.csv.new || { rm src/price/prices.csv.new; exit 1; }
	mv src/price/prices.csv.new src/price/prices.csv
	git diff --stat -- src/price/prices.csv

# Where the tools go. A package is made in DESTDIR. With TARGET the tools are for another system than this one.
PREFIX := /usr/local
DESTDIR :=
TARGET :=
BIN := target/$(TARGET:%=%/)release
INSTALL_PROGRAM := install
ROOT = $(DESTDIR)$(PREFIX)
BASH_COMPLETIONS = $(ROOT)/share/bash-completion/completions
FISH_COMPLETIONS = $(ROOT)/share/fish/vendor_completions.d
ZSH_COMPLETIONS = $(ROOT)/share/zsh/site-functions
TOOLS := $(basename $(notdir $(wildcard bin/*.rs)))
PAGES := $(notdir $(wildcard man/*.[1-9]))

build:
	cargo build --locked --release --bins $(TARGET:%=--target %)

# It does not build, because root rarely has a cargo. Each tool says itself what a shell has to know to complete it; zsh
# loads that as a function, which it calls with the first Tab.
install:
	@test -x '$(BIN)/$(firstword $(TOOLS))' || { echo 'make install: no tools in $(BIN); run make build first' >&2; exit 1; }
	install -d '$(ROOT)/bin' '$(BASH_COMPLETIONS)' '$(FISH_COMPLETIONS)' '$(ZSH_COMPLETIONS)'
	$(INSTALL_PROGRAM) $(TOOLS:%='$(BIN)/%') '$(ROOT)/bin'
	@for page in $(PAGES); do install -D -m 644 "man/$$page" "$(ROOT)/share/man/man$${page##*.}/$$page" || exit; done
	@for tool in $(TOOLS); do \
	  LPT_COMPLETE=bash '$(BIN)'/$$tool > '$(BASH_COMPLETIONS)'/$$tool && \
	  LPT_COMPLETE=fish '$(BIN)'/$$tool > '$(FISH_COMPLETIONS)'/$$tool.fish && \
	  LPT_COMPLETE=zsh '$(BIN)'/$$tool > '$(ZSH_COMPLETIONS)'/_$$tool && \
	  echo "[ \"\$$funcstack[1]\" != _$$tool ] || _clap_dynamic_completer_$$(echo $$tool | tr - _)" \
	    >> '$(ZSH_COMPLETIONS)'/_$$tool || exit; \
	done

uninstall:
	rm -f $(TOOLS:%='$(ROOT)/bin/%') $(foreach page,$(PAGES),'$(ROOT)/share/man/man$(lastword $(subst ., ,$(page)))/$(page)')
	rm -f $(TOOLS:%='$(BASH_COMPLETIONS)/%') $(TOOLS:%='$(FISH_COMPLETIONS)/%.fish') $(TOOLS:%='$(ZSH_COMPLETIONS)/_%')

# The package is what `make install` installs, so it needs no tool but Debian's own. The oldest C library that it runs
# with is the newest one that a tool has a symbol of. Tools that are linked statically need none.
DEB := target/deb
DEB_FLAGS :=
MAINTAINER = $(shell id -un) <$(shell id -un)@$(shell uname -n)>
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
deb:
	rm -rf '$(DEB)' && mkdir -p '$(DEB)/root/DEBIAN' '$(DEB)/root/usr/share/doc/lpt'
	@$(MAKE) --no-print-directory install DESTDIR='$(DEB)/root' PREFIX=/usr ZSH_COMPLETIONS='$(DEB)/root/usr/share/zsh/vendor-completions'
	gzip -9n '$(DEB)'/root/usr/share/man/*/*
	install -m 644 LICENSE '$(DEB)/root/usr/share/doc/lpt/copyright'
	gzip -9n < CHANGELOG.md > '$(DEB)/root/usr/share/doc/lpt/changelog.gz'
	@libc=$$(objdump -T '$(DEB)'/root/usr/bin/* | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1) && \
	printf '%s\n' 'Package: lpt' 'Version: $(VERSION)' "Architecture: $$(dpkg --print-architecture)" \
	  'Maintainer: $(MAINTAINER)' "Installed-Size: $$(du -sk '$(DEB)/root' | cut -f 1)" \
	  $${libc:+"Depends: libc6 (>= $$libc), libgcc-s1"} 'Recommends: ca-certificates' 'Section: utils' 'Priority: optional' \
	  "Description: $$(sed -n 's/^description = "\(.*\)"/\1/p' Cargo.toml)" > '$(DEB)/root/DEBIAN/control'
	dpkg-deb --root-owner-group $(DEB_FLAGS) --build '$(DEB)/root' '$(DEB)'
