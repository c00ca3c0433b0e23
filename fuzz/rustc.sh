#!/bin/sh
# Cargo calls this in rustc's place. It has our parsers, and those that they stand on, count which branches they take,
# so that libFuzzer can look for new ones; polars and the SDK are left as they are, and so are build scripts, which
# don't link libFuzzer. These are the flags of cargo-fuzz, which a stable compiler takes too.
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
