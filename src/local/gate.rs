//! Refuses requests that a web page may have sent. A browser on this machine reaches loopback addresses too, and
//! whoever may call the service may run code here.

use axum::extract::Request;
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::{Exception, Refusal};

/// Browsers send it with each request to a loopback address, also where there is no `Origin`, such as for an image.
/// <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets pass what no web page can have sent.
pub(super) async fn refuse_web_pages(request: Request, next: Next) -> Response {
    match check(request.uri().authority(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Checks the authority of the request's target, if it has one, and its headers.
fn check(target: Option<&Authority>, headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
        return Err(Refusal::new(
            Exception::AccessDenied,
            "lpt-local answers no web page, because whoever may call it may run code on this machine",
        ));
    }
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let named = hosts.next().flatten().is_some_and(|host| is_loopback(&host)) && hosts.next().is_none();
    if named && target.is_none_or(is_loopback) {
        return Ok(());
    }
    Err(Refusal::new(
        Exception::AccessDenied,
        "lpt-local answers to localhost and to loopback addresses only, because a web page could reach it by another \
         name (DNS rebinding) and run code on this machine; use the AWS_ENDPOINT_URL that lpt-local prints",
    ))
}

/// Whether the host, with or without a port, is an address of this machine alone, or the name that stands for it.
fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(target: Option<&str>, headers: &[(HeaderName, &str)]) -> bool {
        let target = target.map(|target| target.parse().unwrap());
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        check(target.as_ref(), &headers).is_ok()
    }

    #[test]
    fn a_host_is_a_loopback_address_or_localhost() {
        for host in ["127.0.0.1:9001", "127.1.2.3", "localhost:80", "LocalHost", "[::1]:9001"] {
            assert!(passes(None, &[(HOST, host)]), "{host}");
        }
        for host in [
            "",
            "evil.example:9001",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.localhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::1",
            "ä",
        ] {
            assert!(!passes(None, &[(HOST, host)]), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_or_with_a_second_one_is_refused() {
        let local = (HOST, "127.0.0.1");
        assert!(!passes(None, &[]));
        assert!(!passes(None, &[local.clone(), (HOST, "evil.example")]));
        assert!(!passes(Some("evil.example"), std::slice::from_ref(&local)));
        assert!(passes(Some("localhost:9001"), &[local]));
    }

    #[test]
    fn a_request_of_a_browser_is_refused_whatever_its_host() {
        let local = (HOST, "127.0.0.1:9001");
        for header in [(ORIGIN, "null"), (ORIGIN, "http://127.0.0.1:9001"), (SEC_FETCH_SITE, "none")] {
            assert!(!passes(None, &[local.clone(), header]));
        }
    }
}
