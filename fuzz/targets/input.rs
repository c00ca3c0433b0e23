//! Fuzzes the parser of the execution input of AWS Lambda Power Tuning, and of the payloads in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpt::cli::ExecutionInput;
use lpt::tools::invoke::Payloads;

fuzz_target!(|text: &[u8]| {
    let Ok(input) = ExecutionInput::from_json(text) else {
        return;
    };
    if let Some(payload) = &input.payload
        && let Ok(payloads) = Payloads::from_value(payload, "payload")
        && let Some(num) = input.num
        && num.get() <= 1000
        && let Ok(shares) = payloads.share_out(num.get())
    {
        for index in 0..num.get() {
            // Each invocation has a payload.
            payloads.get(shares.payload_of(index));
        }
    }
});
