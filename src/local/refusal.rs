//! What the API says no with: Lambda's own exceptions, in the form that SDKs turn into typed errors.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::name::Home;
use super::policy::Denial;

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    kind: Kind,
    message: String,
}

/// Lambda's exceptions.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors> and its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    AccessDenied,
    InvalidParameterValue,
    InvalidRequestContent,
    MissingAuthenticationToken,
    PreconditionFailed,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
    Service,
    /// With the `Reason` that says which limit it was.
    TooManyRequests(&'static str),
    UnknownOperation,
    Validation,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::AccessDenied => "AccessDeniedException",
            Kind::InvalidParameterValue => "InvalidParameterValueException",
            Kind::InvalidRequestContent => "InvalidRequestContentException",
            Kind::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Kind::PreconditionFailed => "PreconditionFailedException",
            Kind::RequestTooLarge => "RequestTooLargeException",
            Kind::ResourceConflict => "ResourceConflictException",
            Kind::ResourceNotFound => "ResourceNotFoundException",
            Kind::Service => "ServiceException",
            Kind::TooManyRequests(_) => "TooManyRequestsException",
            Kind::UnknownOperation => "UnknownOperationException",
            Kind::Validation => "ValidationException",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Kind::InvalidParameterValue | Kind::InvalidRequestContent | Kind::Validation => {
                StatusCode::BAD_REQUEST
            }
            Kind::AccessDenied | Kind::MissingAuthenticationToken => StatusCode::FORBIDDEN,
            Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Kind::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::ResourceConflict => StatusCode::CONFLICT,
            Kind::ResourceNotFound | Kind::UnknownOperation => StatusCode::NOT_FOUND,
            Kind::Service => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Refusal {
    /// A refusal of this kind, with Lambda's own words where they are known.
    pub fn new(kind: Kind, message: impl Into<String>) -> Refusal {
        Refusal { kind, message: message.into() }
    }

    /// One of the parameters can't be.
    pub fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(Kind::InvalidParameterValue, message)
    }

    /// The resource is not in the state for this.
    pub fn conflict(message: impl Into<String>) -> Refusal {
        Refusal::new(Kind::ResourceConflict, message)
    }

    /// There is nothing under this ARN.
    pub fn not_found(what: &str, arn: &str) -> Refusal {
        Refusal::new(Kind::ResourceNotFound, format!("{what} not found: {arn}"))
    }

    /// The policy does not let the caller do this.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    pub fn denied(caller: &Home, action: &str, resource: &str, denial: Denial) -> Refusal {
        let why = match denial {
            Denial::Implicit => format!("because no identity-based policy allows the {action} action"),
            Denial::Explicit => "with an explicit deny in an identity-based policy".to_owned(),
        };
        let user = format!("arn:{}:iam::{}:user/lpt", caller.partition(), caller.account);
        Refusal::new(
            Kind::AccessDenied,
            format!("User: {user} is not authorized to perform: {action} on resource: {resource} {why}"),
        )
    }

    /// The resource has changed since the caller looked.
    pub fn stale_revision() -> Refusal {
        Refusal::new(
            Kind::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
    }

    #[cfg(test)]
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let fault = if self.kind == Kind::Service { "Service" } else { "User" };
        // The model spells the member differently from one exception to the next.
        let message = match self.kind {
            Kind::AccessDenied | Kind::ResourceNotFound | Kind::Service => "Message",
            _ => "message",
        };
        let mut body = json!({"Type": fault, message: self.message});
        if let Kind::TooManyRequests(reason) = self.kind {
            body["Reason"] = json!(reason);
        }
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(self.kind.name())),
        ];
        (self.kind.status(), headers, body.to_string()).into_response()
    }
}
