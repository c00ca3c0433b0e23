# The commands of everyday work. `make` alone lists them.

# Demo and tests share one build of the dependencies, because the examples bring in the features of the tests.
BUILD := cargo build --bins --examples

.PHONY: help demo test vm check fuzz bench bench-decisions bless prices install

help:
	@echo 'make demo     build, and tune a real function in lpt-local (no AWS account)'
	@echo 'make test     format check, lints, all tests'
	@echo 'make vm       the demo on control groups version 2 in qemu, as root and not'
	@echo 'make check    type-check only, the fastest feedback'
	@echo 'make fuzz     fuzz each parser 60 s (SECONDS=600: longer); needs a C++ compiler'
	@echo 'make bench    measure lpt-local and the tools; prints the tables in the README'
	@echo 'make bench-decisions  evaluate how sizes are chosen; prints the table in benches/README.md'
	@echo 'make bless    rewrite the man pages and the expected outputs of the tests'
	@echo 'make prices FILE…  write src/price/prices.csv anew from offer files of AWS (CONTRIBUTING.md)'
	@echo 'make install  tools to ~/.cargo/bin, man pages to ~/.local/share/man'

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

install:
	cargo install --locked --path .
	@for page in man/*.[1-9]; do \
	  folder="$(HOME)/.local/share/man/man$${page##*.}"; \
	  mkdir -p "$$folder" && install -m 644 "$$page" "$$folder/"; \
	done
