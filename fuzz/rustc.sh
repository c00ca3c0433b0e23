#!/bin/sh
# Cargo calls this in place of rustc. Our parsers, and the crates that they use, are compiled with counters of
# the branches that they take, so that libFuzzer can look for new ones. polars and the SDK are compiled
# without, and so are build scripts, which do not link libFuzzer. The flags are those of cargo-fuzz; a stable
# compiler accepts them too.
case "$CARGO_PKG_NAME/$CARGO_CRATE_NAME" in
lpt/* | lpt-fuzz/* | */serde_core | */serde_json | */serde_path_to_error | */csv | */csv_core | */time | */uuid)
  exec "$@" --cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
  ;;
*) exec "$@" ;;
esac
