//! Failed calls to AWS, and their remedies.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

use super::policy::Statement;
use super::profile::ProfileSource;
use crate::error::Fault;
use crate::exit::Exit;
use crate::label::label_of;
use crate::quote::{excerpt, quoted};

/// A call to AWS that failed. Its text is one line that ends with a remedy.
#[derive(Debug, Clone)]
pub struct AwsError {
    /// The IAM action, for example `lambda:PublishVersion`.
    pub action: &'static str,
    /// The function, version, alias or object that the call was about.
    pub on: String,
    pub kind: AwsErrorKind,
    /// AWS's name of the error, for example `ResourceConflictException`; ours if AWS sent none.
    pub code: String,
    /// AWS's text, or ours if AWS sent none.
    pub message: String,
}

/// Stands in for the message of an answer that names no error, because it does not come from the service itself.
const NOT_FROM_AWS: &str = "the answer is not that of AWS; check any proxy on the way, and AWS_ENDPOINT_URL";

/// The kinds of failure that the tools treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The function, version, alias or object does not exist.
    NotFound,
    /// IAM does not allow the call, or AWS does not accept the credentials.
    Denied,
    /// AWS got too many requests, and still did at the last attempt.
    Throttled,
    /// Another change is in progress, or the call contradicts what exists.
    Conflict,
    /// Somebody else changed the function since it was last read.
    Precondition,
    /// AWS does not accept a parameter, such as a memory size; it may accept another.
    Invalid,
    /// The function or the account cannot be used as it is set up: its key cannot be read, or its code
    /// storage is full.
    Unusable,
    /// The certificate of the server, or of a proxy on the way, is not trusted, so nothing was sent.
    NotTrusted,
    /// No connection could be opened, so nothing was sent.
    NotConnected,
    /// No answer arrived: the connection broke, or it took too long. The call may have taken effect.
    Unreachable,
    /// No answer arrived in the time that an interrupt leaves. The call may have taken effect.
    Abandoned,
    /// No credentials were found, or they could not be loaded.
    NoCredentials,
    /// No region is set, or its name cannot be a region.
    NoRegion,
    /// A signal ended the call before the tool changed anything.
    Interrupted,
    /// AWS itself failed, or something on the way to it. The call may have taken effect.
    Service,
}

impl AwsError {
    /// Classifies the SDK's error of a failed call.
    pub(super) fn from_sdk<E>(
        action: &'static str,
        on: impl Into<String>,
        error: &SdkError<E>,
        profile: &ProfileSource,
    ) -> AwsError
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let (kind, code, message) = match error {
            SdkError::ServiceError(service) => match service.err().code() {
                Some(code) => {
                    let message = service.err().message().unwrap_or("AWS gives no reason");
                    (kind_of_code(code), code.to_owned(), message.to_owned())
                }
                None => {
                    let status = service.raw().status().as_u16();
                    (AwsErrorKind::Service, format!("HTTP {status}"), NOT_FROM_AWS.to_owned())
                }
            },
            other if let Some(failure) = of_credentials(other) => {
                let message = if is_for_lack_of_credentials(failure) {
                    format!("there are no credentials in {}", profile.places())
                } else {
                    innermost(failure)
                };
                (AwsErrorKind::NoCredentials, "NoCredentials".to_owned(), message)
            }
            SdkError::TimeoutError(_) => return AwsError::no_answer(action, on),
            SdkError::ConstructionFailure(_) => {
                (AwsErrorKind::Invalid, "NotSent".to_owned(), innermost(error))
            }
            other if let Some(failure) = of_tls(other) => {
                (AwsErrorKind::NotTrusted, "NotTrusted".to_owned(), failure.to_string())
            }
            other if is_before_sending(other) => {
                (AwsErrorKind::NotConnected, "NotConnected".to_owned(), innermost(other))
            }
            other => (AwsErrorKind::Unreachable, "Unreachable".to_owned(), innermost(other)),
        };
        AwsError { action, on: on.into(), kind, code, message: one_line(&message) }
    }

    /// Returns an error that AWS did not send: its `code` is ours.
    fn of_ours(
        action: &'static str,
        on: impl Into<String>,
        (kind, code): (AwsErrorKind, &str),
        message: impl Into<String>,
    ) -> AwsError {
        AwsError { action, on: on.into(), kind, code: code.to_owned(), message: message.into() }
    }

    /// Reports a list of versions without `$LATEST`, which every function has.
    pub(super) fn not_listed(action: &'static str, on: impl Into<String>) -> AwsError {
        let message = "the list of versions does not even have $LATEST";
        AwsError::of_ours(action, on, (AwsErrorKind::NotFound, "NotListed"), message)
    }

    /// Reports that no answer arrived in time.
    pub(super) fn no_answer(action: &'static str, on: impl Into<String>) -> AwsError {
        AwsError::of_ours(action, on, (AwsErrorKind::Unreachable, "Timeout"), "no answer in time")
    }

    /// Reports that no answer arrived in the time that an interrupt leaves.
    pub(super) fn abandoned(action: &'static str, on: impl Into<String>) -> AwsError {
        let message = "no answer in time after the interrupt";
        AwsError::of_ours(action, on, (AwsErrorKind::Abandoned, "Interrupted"), message)
    }

    /// Reports a call that an interrupt ended before the tool changed anything.
    pub(super) fn interrupted(action: &'static str, on: impl Into<String>) -> AwsError {
        let message = "interrupted before anything was changed";
        AwsError::of_ours(action, on, (AwsErrorKind::Interrupted, "Interrupted"), message)
    }

    /// Reports an answer that broke off.
    pub(super) fn broken_answer(
        action: &'static str,
        on: impl Into<String>,
        error: &(dyn StdError + 'static),
    ) -> AwsError {
        let message = one_line(&innermost(error));
        AwsError::of_ours(action, on, (AwsErrorKind::Unreachable, "Unreachable"), message)
    }

    /// Reports a failure that AWS did not name, but that its answer shows.
    pub(super) fn service(
        action: &'static str,
        on: impl Into<String>,
        message: impl Into<String>,
    ) -> AwsError {
        AwsError::of_ours(action, on, (AwsErrorKind::Service, "ServiceException"), message)
    }

    /// Reports that `region`, where `on` would be, is empty or cannot be a region.
    pub(super) fn no_region(on: impl ToString, region: &str) -> AwsError {
        let message = if region.is_empty() {
            "no region is set".to_owned()
        } else {
            format!("not a region: {}", quoted(region))
        };
        const ACTION: &str = "lambda:GetFunction";
        AwsError::of_ours(ACTION, on.to_string(), (AwsErrorKind::NoRegion, "NoRegion"), message)
    }

    /// Returns the same error without AWS's text, which may contain parts of a payload.
    pub fn without_message(self) -> AwsError {
        AwsError { message: "its message is not shown".to_owned(), ..self }
    }

    /// Whether somebody else has changed the resource since it was last read.
    pub fn is_overtaken(&self) -> bool {
        self.kind == AwsErrorKind::Precondition
    }

    /// Whether another operation on the resource is in progress.
    pub fn is_conflict(&self) -> bool {
        self.kind == AwsErrorKind::Conflict
    }

    /// Whether the resource that the call was about does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == AwsErrorKind::NotFound
    }

    /// Whether IAM does not allow the action to these credentials, which AWS accepts.
    pub(super) fn is_denied_by_iam(&self) -> bool {
        matches!(&*self.code, "AccessDeniedException" | "AccessDenied")
    }

    /// Whether the call may have taken effect all the same. Its answer may have been lost; or the answer of
    /// an earlier attempt was, and this attempt failed because of what the earlier one did.
    pub(super) fn may_hide_success(&self) -> bool {
        use AwsErrorKind::{Abandoned, Conflict, NotConnected, Precondition, Service, Unreachable};
        matches!(self.kind, Abandoned | Conflict | NotConnected | Precondition | Service | Unreachable)
    }

    fn remedy(&self) -> Cow<'static, str> {
        if self.kind == AwsErrorKind::Denied
            && let Some(remedy) = self.remedy_in_iam()
        {
            return remedy;
        }
        let remedy = match self.kind {
            AwsErrorKind::NotFound => "check the name, --region and --profile",
            AwsErrorKind::Denied => {
                "check the credentials and what IAM lets them do, or use another --profile"
            }
            AwsErrorKind::Throttled => "try again later",
            // https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
            AwsErrorKind::Conflict if self.action == "lambda:DeleteFunction" => {
                "if an alias gives it traffic, point that alias elsewhere, and try again"
            }
            AwsErrorKind::Conflict => "wait until the other change is finished, and try again",
            AwsErrorKind::Precondition => {
                "somebody else has changed the function in the meantime; check it and try again"
            }
            AwsErrorKind::Invalid => "fix what AWS names",
            AwsErrorKind::Unusable => "fix what AWS names",
            AwsErrorKind::NotTrusted => {
                "name the file with your company's certificates in AWS_CA_BUNDLE or as ca_bundle of the profile"
            }
            AwsErrorKind::NotConnected | AwsErrorKind::Unreachable | AwsErrorKind::Abandoned => {
                "check the network, --region, AWS_ENDPOINT_URL and HTTPS_PROXY"
            }
            AwsErrorKind::NoCredentials => {
                "log in, name a --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            AwsErrorKind::NoRegion => "name one with --region or AWS_REGION, or give the function as an ARN",
            AwsErrorKind::Service | AwsErrorKind::Interrupted => "try again",
        };
        Cow::Borrowed(remedy)
    }

    /// Returns the remedy for an action that IAM does not allow, or `None` if AWS does not accept the
    /// credentials.
    ///
    /// AWS's text names the action and the resource. They can differ from those of the call, because a call
    /// may need a further permission.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    fn remedy_in_iam(&self) -> Option<Cow<'static, str>> {
        if !self.is_denied_by_iam() {
            return None;
        }
        if let Some((_, policy)) = self.message.split_once("explicit deny in ") {
            return Some(
                format!("{} denies this, which overrides all others: change it", excerpt(policy)).into(),
            );
        }
        let word_after = |prefix| {
            let (_, rest) = self.message.split_once(prefix)?;
            rest.split_whitespace().next().map(|word| word.trim_matches(['"', '\'', '.', ',']))
        };
        let action = word_after(" to perform: ").unwrap_or(self.action);
        let resource = word_after(" on resource: ").unwrap_or(&self.on);
        if let (Some(own), Some(other)) = (word_after("User: ").and_then(account_in), account_in(resource))
            && own != other
        {
            return Some(
                format!("the credentials are of account {own}, and it is in account {other}: use a --profile of that account")
                    .into(),
            );
        }
        if !resource.starts_with("arn:") {
            return Some(format!("allow the caller {action} on it in IAM").into());
        }
        let statement = serde_json::to_string(&Statement::allow_one(action, &of_any_run(resource)));
        Some(format!("add to the caller's IAM policy {}", statement.expect("of strings alone")).into())
    }
}

/// Returns the account in an ARN.
fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// Returns a pattern that also matches the versions and aliases of later runs, which have other names.
fn of_any_run(resource: &str) -> Cow<'_, str> {
    match resource.rsplit_once(":function:").and_then(|(_, name)| name.split_once(':')) {
        Some((_, qualifier)) => {
            let function = &resource[..resource.len() - qualifier.len()];
            if qualifier.starts_with("lpt-") {
                format!("{function}lpt-*").into()
            } else if qualifier.bytes().all(|b| b.is_ascii_digit()) {
                format!("{function}*").into()
            } else {
                resource.into()
            }
        }
        None => resource.into(),
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AwsError { action, on, code, message, .. } = self;
        let (on, message, code) = (label_of(on), excerpt(message), excerpt(code));
        write!(f, "{on}: {action}: {message} ({code}); {}", self.remedy())
    }
}

impl StdError for AwsError {}

impl Fault for AwsError {
    fn exit(&self) -> Exit {
        match self.kind {
            AwsErrorKind::Denied => Exit::Denied,
            AwsErrorKind::Throttled => Exit::Throttled,
            AwsErrorKind::Interrupted | AwsErrorKind::Abandoned => Exit::Interrupted,
            _ => Exit::Failed,
        }
    }
}

/// Classifies the error codes of the Lambda API's operations and of AWS's common errors.
/// <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>
fn kind_of_code(code: &str) -> AwsErrorKind {
    match code {
        // S3's codes are in <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
        "ResourceNotFoundException" | "NoSuchBucket" | "NoSuchKey" => AwsErrorKind::NotFound,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "AllAccessDisabled"
        | "OptInRequired" => AwsErrorKind::Denied,
        "TooManyRequestsException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "EC2ThrottledException" => AwsErrorKind::Throttled,
        "ResourceConflictException"
        | "ResourceInUseException"
        | "ResourceNotReadyException"
        | "SnapStartNotReadyException" => AwsErrorKind::Conflict,
        "PreconditionFailedException" => AwsErrorKind::Precondition,
        "InvalidParameterValueException"
        | "InvalidRequestContentException"
        | "RequestTooLargeException"
        | "ValidationException" => AwsErrorKind::Invalid,
        "ServiceException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout" => AwsErrorKind::Service,
        // KMS…, EFS…, ENI…, SnapStart…, CodeStorageExceeded, RequestTooLarge and codes that AWS may add.
        _ => AwsErrorKind::Unusable,
    }
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause| StdError::source(*cause))
}

/// Returns the error of loading credentials because of which a call was not sent.
fn of_credentials<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether credentials are missing, rather than wrong. The service of the instance's metadata, the last place that is
/// looked in, may also refuse to answer where there is no instance.
fn is_for_lack_of_credentials(error: &CredentialsError) -> bool {
    matches!(error, CredentialsError::CredentialsNotLoaded(_))
        || causes(error).any(|cause| cause.is::<ImdsError>())
}

/// Returns the error of TLS in verifying a certificate, because of which a call was not sent.
fn of_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let unwrapped = |cause: &'a (dyn StdError + 'static)| {
        // The source of an I/O error that wraps another is the source of that one.
        let wrapped = |error: &&'a (dyn StdError + 'static)| {
            let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
            Some(inner as &(dyn StdError + 'static))
        };
        std::iter::successors(Some(cause), wrapped).find_map(|cause| cause.downcast_ref::<rustls::Error>())
    };
    let of_certificate = |error: &&rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
    causes(error).filter_map(unwrapped).find(of_certificate)
}

/// Whether a call failed because no connection could be opened.
fn is_before_sending(error: &(dyn StdError + 'static)) -> bool {
    let of_client = |cause: &(dyn StdError + 'static)| {
        cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
    };
    causes(error).any(of_client)
}

/// Returns the text of the cause that all others wrap, for example `Connection refused`.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(|| error.to_string(), |cause| cause.to_string())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(code: &str, message: &str) -> String {
        let error = AwsError {
            action: "lambda:UpdateFunctionConfiguration",
            on: "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
            kind: kind_of_code(code),
            code: code.to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(error.exit(), Exit::Denied);
        error.to_string()
    }

    fn ends_with_statement(text: &str, action: &str, resource: &str) {
        let statement = format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#);
        assert!(text.ends_with(&format!("; add to the caller's IAM policy {statement}")), "{text}");
    }

    #[test]
    fn an_action_that_iam_does_not_allow_is_reported_with_the_statement_that_allows_it() {
        let own = "arn:aws:lambda:us-east-1:123456789012:function:f";
        let role = "arn:aws:iam::123456789012:role/r";
        let user = "User: arn:aws:iam::123456789012:user/me is not authorized to perform:";
        for (message, action, resource) in [
            (
                format!(
                    "{user} lambda:UpdateFunctionConfiguration on resource: {own} because no identity-based policy allows the lambda:UpdateFunctionConfiguration action"
                ),
                "lambda:UpdateFunctionConfiguration",
                own,
            ),
            // An action other than that of the call, and a resource in quotes as S3 writes it.
            (format!("{user} iam:PassRole on resource: \"{role}\" because no"), "iam:PassRole", role),
            (format!("{user} iam:PassRole on resource: {role}"), "iam:PassRole", role),
            ("its message is not shown".to_owned(), "lambda:UpdateFunctionConfiguration", own),
        ] {
            ends_with_statement(&denied("AccessDeniedException", &message), action, resource);
        }
        let explicit = denied(
            "AccessDeniedException",
            &format!("{user} x:Y on resource: {own} with an explicit deny in a service control policy"),
        );
        assert!(
            explicit.contains("; a service control policy denies this") && !explicit.contains("Effect"),
            "{explicit}"
        );
    }

    #[test]
    fn credentials_of_another_account_are_reported_with_both_accounts() {
        for user in ["arn:aws:iam::210987654321:user/me", "arn:aws:sts::210987654321:assumed-role/r/me"] {
            let text = denied(
                "AccessDeniedException",
                &format!(
                    "User: {user} is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:f because no resource-based policy allows the lambda:GetFunction action"
                ),
            );
            assert!(text.ends_with("are of account 210987654321, and it is in account 123456789012: use a --profile of that account"), "{text}");
        }
    }

    #[test]
    fn credentials_that_aws_does_not_accept_are_reported_without_a_statement() {
        for code in ["ExpiredTokenException", "UnrecognizedClientException", "SignatureDoesNotMatch"] {
            let text = denied(code, "The security token included in the request is invalid.");
            assert!(text.contains("credentials") && !text.contains("Effect"), "{text}");
        }
    }
}
