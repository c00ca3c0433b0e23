//! The event stream of InvokeWithResponseStream: the answer of a function as it comes.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::Bytes;
use serde_json::json;

pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Returns the event of a part of the answer.
pub(crate) fn payload_chunk(chunk: Bytes) -> Bytes {
    frame("event", (":event-type", "PayloadChunk"), "application/octet-stream", chunk)
}

/// Returns the last event, with the error of the function if it failed: the type, and the body as the runtime reports
/// it. AWS's reference does not say what the two members hold.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStreamCompleteEvent.html>
pub(crate) fn invoke_complete(error: Option<(&str, &str)>, log_result: Option<String>) -> Bytes {
    let (code, details) = error.unzip();
    let mut event = json!({"ErrorCode": code, "ErrorDetails": details, "LogResult": log_result});
    event.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    frame("event", (":event-type", "InvokeComplete"), "application/json", event.to_string().into())
}

/// Returns the message with which the service itself fails in the middle of a stream.
pub(crate) fn exception(name: &str, message: &str) -> Bytes {
    let body = json!({"message": message}).to_string();
    frame("exception", (":exception-type", name), "application/json", body.into())
}

fn frame(message_type: &str, (type_header, name): (&str, &str), content_type: &str, payload: Bytes) -> Bytes {
    let header =
        |name: &str, value: &str| Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into()));
    let headers = [(":message-type", message_type), (type_header, name), (":content-type", content_type)]
        .map(|(name, value)| header(name, value));
    let mut bytes = Vec::new();
    write_message_to(&Message::new_from_parts(headers.into(), payload), &mut bytes)
        .expect("short headers and a payload of less than 4 GB fit");
    bytes.into()
}
