# What people type. `make` alone says so.

# Demo and tests share one build of the dependencies: the examples bring the test dependencies' features.
BUILD := cargo build --bins --examples

.PHONY: help demo test check fuzz bench bless install

help:
	@echo 'make demo     build, and tune a real function in lpt-local: no AWS account needed'
	@echo 'make test     format check, lints, all tests'
	@echo 'make check    type-check only, the quickest answer'
	@echo 'make fuzz     feed the parsers what they never saw, 60 seconds each (SECONDS=600: longer); needs a C++ compiler'
	@echo 'make bench    measure lpt-local and the tools, and print the tables of the README'
	@echo 'make bless    rewrite the man pages and the expected outputs of tests'
	@echo 'make install  the tools to ~/.cargo/bin, the man pages to ~/.local/share/man'

demo:
	$(BUILD)
	@PATH="$(CURDIR)/target/debug:$$PATH" examples/demo.sh

# Both runners run the same tests; nextest ends one that hangs.
test:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run; else set -x; cargo test; fi

check:
	cargo check --all-targets

# What is found is kept in target, and what fails beside it, so that a run goes on where the last one stopped.
SECONDS := 60
fuzz:
	cd fuzz && cargo build --locked
	@cd fuzz && for target in $$(ls corpus); do \
	  mkdir -p target/corpus/$$target; \
	  target/debug/$$target -max_total_time=$(SECONDS) -timeout=10 -artifact_prefix=failed-$$target- \
	    target/corpus/$$target corpus/$$target >target/$$target.log 2>&1 || { tail -n 40 target/$$target.log; exit 1; }; \
	  echo "$$target: $$(grep '^Done' target/$$target.log)"; \
	done

# Of dev builds, for what is measured is the share of CPU, not the code; release takes as long again to build.
bench:
	cargo bench --profile dev

bless:
	LPT_BLESS=1 cargo test --test tests -- --test-threads 1 docs:: a_file_and_stdin_give_the_same

install:
	cargo install --locked --path .
	@for page in man/*.[1-9]; do \
	  install -D -m 644 "$$page" "$(HOME)/.local/share/man/man$${page##*.}/$${page##*/}"; \
	done
