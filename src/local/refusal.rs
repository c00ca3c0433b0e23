//! Refused requests: Lambda's exceptions, in the form that SDKs turn into typed errors.

use std::fmt;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused. It becomes an error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    exception: Exception,
    message: String,
}

/// Lambda's exceptions, as the pages of the actions list them, such as
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exception {
    AccessDenied,
    InvalidParameterValue,
    InvalidRequestContent,
    MissingAuthenticationToken,
    PreconditionFailed,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
    Service,
    /// With the `Reason`, which names the limit.
    TooManyRequests(&'static str),
    UnknownOperation,
    UnrecognizedClient,
    Validation,
}

impl Exception {
    fn name(self) -> &'static str {
        match self {
            Exception::AccessDenied => "AccessDeniedException",
            Exception::InvalidParameterValue => "InvalidParameterValueException",
            Exception::InvalidRequestContent => "InvalidRequestContentException",
            Exception::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Exception::PreconditionFailed => "PreconditionFailedException",
            Exception::RequestTooLarge => "RequestTooLargeException",
            Exception::ResourceConflict => "ResourceConflictException",
            Exception::ResourceNotFound => "ResourceNotFoundException",
            Exception::Service => "ServiceException",
            Exception::TooManyRequests(_) => "TooManyRequestsException",
            Exception::UnknownOperation => "UnknownOperationException",
            Exception::UnrecognizedClient => "UnrecognizedClientException",
            Exception::Validation => "ValidationException",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Exception::InvalidParameterValue | Exception::InvalidRequestContent | Exception::Validation => {
                StatusCode::BAD_REQUEST
            }
            Exception::AccessDenied
            | Exception::MissingAuthenticationToken
            | Exception::UnrecognizedClient => StatusCode::FORBIDDEN,
            Exception::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Exception::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Exception::ResourceConflict => StatusCode::CONFLICT,
            Exception::ResourceNotFound | Exception::UnknownOperation => StatusCode::NOT_FOUND,
            Exception::Service => StatusCode::INTERNAL_SERVER_ERROR,
            Exception::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Refusal {
    /// Creates a refusal. The message is Lambda's own where that is known.
    pub(super) fn new(exception: Exception, message: impl Into<String>) -> Refusal {
        Refusal { exception, message: message.into() }
    }

    /// Refuses a parameter's value.
    pub(super) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(Exception::InvalidParameterValue, message)
    }

    /// Refuses a value that breaks a constraint of AWS's model of the API. AWS's words, as LocalStack's tests against
    /// AWS have them: localstack/localstack, services/lambda_/provider.py.
    pub(super) fn constraint(value: impl fmt::Display, at: &str, constraint: &str) -> Refusal {
        Refusal::new(
            Exception::Validation,
            format!(
                "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member must {constraint}"
            ),
        )
    }

    /// Refuses an action that the state of the resource does not allow.
    pub(super) fn conflict(message: impl Into<String>) -> Refusal {
        Refusal::new(Exception::ResourceConflict, message)
    }

    /// Refuses an ARN that names no function and no version.
    pub(super) fn no_function(arn: &str) -> Refusal {
        Refusal::new(Exception::ResourceNotFound, format!("Function not found: {arn}"))
    }

    /// Refuses an action on an alias that does not exist.
    pub(super) fn no_alias(arn: &str) -> Refusal {
        Refusal::new(Exception::ResourceNotFound, format!("Cannot find alias arn: {arn}"))
    }

    /// Refuses a change because the resource has changed since the caller read it.
    pub(super) fn stale_revision() -> Refusal {
        Refusal::new(
            Exception::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
    }

    #[cfg(test)]
    pub(super) fn exception(&self) -> Exception {
        self.exception
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let fault = if self.exception == Exception::Service { "Service" } else { "User" };
        // AWS's model spells this member differently for different exceptions.
        let message = match self.exception {
            Exception::AccessDenied | Exception::ResourceNotFound | Exception::Service => "Message",
            _ => "message",
        };
        let mut body = json!({"Type": fault, message: self.message});
        if let Exception::TooManyRequests(reason) = self.exception {
            body["Reason"] = json!(reason);
        }
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(self.exception.name())),
        ];
        (self.exception.status(), headers, body.to_string()).into_response()
    }
}
