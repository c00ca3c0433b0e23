//! Admits a request to its action if it is signed by a known caller, within the rate limits and allowed by the policy.

use std::time::Instant;

use axum::RequestExt;
use axum::extract::{Query, RawPathParams, Request};
use axum::http::{HeaderMap, header};
use serde::Deserialize;

use super::policy::{Denial, Policy};
use super::service::Service;
use crate::local::function::{AccountRegion, Target, check_region};
use crate::local::refusal::{Exception, Refusal};

/// The actions that the API's reference lets name a version or an alias, in the path or as a `Qualifier`. Whether AWS
/// ignores a qualifier that another action is sent, it does not say. Here it is refused, which shows the mistake.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>
const QUALIFIED: [&str; 5] =
    ["DeleteFunction", "GetFunction", "GetFunctionConfiguration", "Invoke", "InvokeWithResponseStream"];

impl Service {
    /// Returns the caller's account and region, or refuses one that does not sign with the access key id of this start.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<AccountRegion, Refusal> {
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            return Err(unknown_caller(
                Exception::MissingAuthenticationToken,
                "Missing Authentication Token",
            ));
        };
        let signer = authorization.to_str().ok().and_then(Signer::parse);
        let own = (&self.access_key_id, &self.account_region.account);
        let mut known = self.callers.iter().map(|(id, account)| (id, account)).chain([own]);
        let caller = signer.and_then(|signer| {
            let (_, account) = known.find(|(id, _)| id.as_str() == signer.access_key_id)?;
            let region = signer.region.unwrap_or(&self.account_region.region);
            Some(AccountRegion { account: account.clone(), region: region.to_owned() })
        });
        let words = "The security token included in the request is invalid";
        caller.ok_or_else(|| unknown_caller(Exception::UnrecognizedClient, words))
    }

    /// Admits a caller's request to its action. Adds the target that the path and the query name, if they name one.
    pub(super) async fn admit(
        &self,
        action: &str,
        caller: &AccountRegion,
        request: &mut Request,
    ) -> Result<(), Refusal> {
        match action {
            "Invoke" | "InvokeWithResponseStream" => {}
            "GetFunction" => self.get_function.admit(caller, Instant::now())?,
            _ => self.control_plane.admit(caller, Instant::now())?,
        }
        let path = request.extract_parts::<RawPathParams>().await;
        let name = path.iter().flatten().find(|(parameter, _)| *parameter == "name");
        if let Some((_, name)) = name {
            let Query(query) = Query::<QualifierQuery>::try_from_uri(request.uri())
                .map_err(|error| Refusal::invalid(error.to_string()))?;
            let target = Target::parse(name, query.qualifier.as_deref(), caller)?;
            if target.qualifier.is_some() && !QUALIFIED.contains(&action) {
                return Err(Refusal::invalid(format!(
                    "{action} works on a function, and not on the version or alias {target}"
                )));
            }
            // The service authorization reference has `function*` for each of these actions, including those on
            // aliases. Lambda compares it with the FunctionName and the Qualifier of the call:
            // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>
            // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html#function-resources>
            // The second page names Invoke and GetFunction. GetFunctionConfiguration and DeleteFunction also
            // have a Qualifier, and are treated alike: `f` alone does not cover `f:1`, which is the stricter
            // reading.
            self.authorize(caller, action, &target.to_string())?;
            request.extensions_mut().insert(target);
        } else if action == "ListFunctions" {
            // The reference has no resource type for it, so only `*` covers it.
            self.authorize(caller, action, "*")?;
        }
        Ok(())
    }

    /// Refuses an action that the policy does not allow the caller.
    pub(super) fn authorize(
        &self,
        caller: &AccountRegion,
        action: &str,
        resource: &str,
    ) -> Result<(), Refusal> {
        // IAM has the API's names, with this exception.
        // <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>
        let action = match action {
            "Invoke" | "InvokeWithResponseStream" => "InvokeFunction",
            action => action,
        };
        let action = format!("lambda:{action}");
        let other = resource.split(':').nth(4).is_some_and(|account| account != caller.account);
        if other && self.callers.iter().any(|(_, account)| *account == caller.account) {
            return Err(denied(caller, &action, resource, Denial::OtherAccount));
        }
        let Some(file) = &self.policy else {
            return Ok(());
        };
        // The policy is read for each request, because a change takes effect without a restart, as at AWS.
        let policy =
            Policy::read(file).map_err(|error| Refusal::new(Exception::AccessDenied, error.to_string()))?;
        policy.decide(&action, resource).map_err(|denial| denied(caller, &action, resource, denial))
    }
}

/// Returns the refusal of an action that the policy does not allow.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
fn denied(caller: &AccountRegion, action: &str, resource: &str, denial: Denial) -> Refusal {
    let why = match denial {
        Denial::Implicit => format!("because no identity-based policy allows the {action} action"),
        Denial::OtherAccount => format!("because no resource-based policy allows the {action} action"),
        Denial::Explicit => "with an explicit deny in an identity-based policy".to_owned(),
    };
    let user = format!("arn:{}:iam::{}:user/lpt", caller.partition(), caller.account);
    Refusal::new(
        Exception::AccessDenied,
        format!("User: {user} is not authorized to perform: {action} on resource: {resource} {why}"),
    )
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QualifierQuery {
    qualifier: Option<String>,
}

/// Refuses a caller with AWS's words and what to do here.
fn unknown_caller(exception: Exception, words: &str) -> Refusal {
    Refusal::new(
        exception,
        format!(
            "{words}: lpt-local answers only those who sign with the access key id of this start, because its callers \
             can run code on this machine; set the variables that it prints"
        ),
    )
}

/// What the `Authorization` header says of the credentials that a request is signed with.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
#[derive(Debug, PartialEq, Eq)]
struct Signer<'a> {
    access_key_id: &'a str,
    /// The region that the request is signed for, if it is one. At AWS it is the region of the endpoint. Here one
    /// endpoint serves all regions.
    region: Option<&'a str>,
}

impl Signer<'_> {
    fn parse(authorization: &str) -> Option<Signer<'_>> {
        let (_, rest) = authorization.split_once("Credential=")?;
        let credential = rest.split([',', ' ']).next()?;
        let (access_key_id, scope) = credential.split_once('/')?;
        let region = match scope.split('/').collect::<Vec<_>>()[..] {
            [_, region, _, "aws4_request"] if check_region(region).is_ok() => Some(region),
            _ => None,
        };
        Some(Signer { access_key_id, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_and_the_region_come_from_the_credential() {
        let region_of = |scope: &str| {
            let header = format!("AWS4-HMAC-SHA256 Credential=key/{scope}, SignedHeaders=host, Signature=0");
            let signer = Signer::parse(&header).unwrap();
            assert_eq!(signer.access_key_id, "key");
            signer.region.map(str::to_owned)
        };
        assert_eq!(region_of("20261123/eu-west-1/lambda/aws4_request").as_deref(), Some("eu-west-1"));
        // A signature for several regions has none in its scope.
        for scope in ["20261123/lambda/aws4_request", "20261123/EU West/lambda/aws4_request", ""] {
            assert_eq!(region_of(scope), None, "{scope}");
        }
        for header in ["Bearer token", "AWS4-HMAC-SHA256 Credential=key", "key/20261123", ""] {
            assert_eq!(Signer::parse(header), None, "{header}");
        }
    }
}
