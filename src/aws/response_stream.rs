//! The answer of an invocation as a stream of events: its parts as they come, and how it ended.

use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::operation::invoke_with_response_stream::InvokeWithResponseStreamOutput;
use aws_sdk_lambda::types::InvokeWithResponseStreamCompleteEvent as CompleteEvent;
use aws_sdk_lambda::types::InvokeWithResponseStreamResponseEvent as Event;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::error::AwsError;

/// An answer that has arrived to its end.
#[derive(Debug)]
pub(super) struct Answer {
    /// AWS's word for how the function failed, if it did.
    pub function_error: Option<String>,
    /// The function's error, or otherwise its result if that was to be kept.
    pub payload: Vec<u8>,
    /// The end of the log, in base64.
    pub log_result: Option<String>,
}

/// Reads all events. A result is kept only if `keeps_result`, because it may be 200 MB.
///
/// # Errors
/// The service fails in the middle, or the stream breaks off.
pub(super) async fn read(
    output: &mut InvokeWithResponseStreamOutput,
    action: &'static str,
    on: &str,
    keeps_result: bool,
) -> Result<Answer, AwsError> {
    let mut result = Vec::new();
    loop {
        match output.event_stream.recv().await {
            Ok(Some(Event::PayloadChunk(chunk))) if keeps_result => {
                result.extend_from_slice(chunk.payload().map_or(&[], |payload| payload.as_ref()));
            }
            Ok(Some(Event::InvokeComplete(event))) => return Ok(Answer::of(event, result)),
            Ok(Some(_)) => {}
            Ok(None) => {
                return Err(AwsError::service(action, on, "the answer broke off before its last event"));
            }
            // The function has run, so a code that is to be tried again elsewhere is not here.
            Err(SdkError::ServiceError(error)) => {
                let message = error.err().message().unwrap_or("AWS gives no reason").to_owned();
                return Err(AwsError::service(action, on, message));
            }
            Err(error) => return Err(AwsError::broken_answer(action, on, &error)),
        }
    }
}

impl Answer {
    fn of(event: CompleteEvent, result: Vec<u8>) -> Answer {
        let CompleteEvent { error_code, error_details, log_result, .. } = event;
        let payload = match &error_code {
            None => result,
            Some(code) => error_payload(code, error_details.as_deref().unwrap_or_default()),
        };
        Answer { function_error: error_code, payload, log_result }
    }
}

/// Returns the error in the form that it has as the payload of Invoke. AWS's reference does not say what code and details
/// are: the details may be this already, also in base64, as the runtime reports it, or words.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStreamCompleteEvent.html>
fn error_payload(code: &str, details: &str) -> Vec<u8> {
    let object = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).ok();
    let encoded = || object(&BASE64_STANDARD.decode(details).ok()?);
    match object(details.as_bytes()).or_else(encoded) {
        Some(mut error) => {
            error.entry("errorType").or_insert_with(|| code.into());
            Value::Object(error).to_string().into()
        }
        None => json!({"errorType": code, "errorMessage": details}).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str, details: &str) -> (Value, Value) {
        let error: Value = serde_json::from_slice(&error_payload(code, details)).expect("JSON");
        (error["errorType"].clone(), error["errorMessage"].clone())
    }

    #[test]
    fn the_error_of_a_streaming_function_is_read_in_each_form() {
        let details = r#"{"errorType":"NotEnoughCoffee","errorMessage":"why"}"#;
        let expected = (json!("NotEnoughCoffee"), json!("why"));
        assert_eq!(read("Unhandled", details), expected);
        assert_eq!(read("Unhandled", &BASE64_STANDARD.encode(details)), expected);
        assert_eq!(read("NotEnoughCoffee", r#"{"errorMessage":"why"}"#), expected);
        assert_eq!(read("NotEnoughCoffee", "why"), expected);
        assert_eq!(read("Runtime.ExitError", ""), (json!("Runtime.ExitError"), json!("")));
    }
}
