//! The HTTP client under the SDK, also for the calls of SSO, STS and S3. It goes through a proxy, trusts a company's
//! certificates and uses TCP keep-alive, none of which the SDK's own client can be told to do.
//!
//! While a function runs, for up to 15 minutes, its connection is silent, and devices on the way drop it: a
//! NAT gateway does so after 350 seconds.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector as TcpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Fault;
use crate::exit::Exit;

/// The silence after which the peer is asked whether it is still there, and the time until it is asked again.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The maximum time to open a TCP connection. A TLS handshake counts as a part of the call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach AWS, as AWS CLI reads it from the environment and the profile.
#[derive(Debug)]
pub(super) struct Network {
    proxy: Option<Proxy>,
    /// The file of certificates to trust; `None` for those that this machine trusts.
    ca_bundle: Option<PathBuf>,
}

/// A proxy, and the destinations that are not reached through it.
#[derive(Debug)]
struct Proxy {
    server: Intercept,
    matcher: Matcher,
}

/// The reason why AWS cannot be reached as the environment or the profile says.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The proxy's URL is malformed, or of a kind that is not supported. It may hold a password, so it is not shown.
    #[error("HTTPS_PROXY is not the URL of an HTTP proxy; write http://HOST:PORT or https://HOST:PORT")]
    Proxy,
    /// The file of certificates cannot be used.
    #[error("{}: {why}; AWS_CA_BUNDLE or the profile's ca_bundle is to name a file of certificates in PEM", file.display())]
    Certificates { file: PathBuf, why: String },
}

impl Fault for NetworkError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Network {
    /// Reads HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE. The environment takes precedence over the `ca_bundle` of the
    /// profile. HTTP_PROXY is for addresses without TLS, of which AWS has none.
    pub fn from_environment(ca_bundle: Option<&str>) -> Result<Network, NetworkError> {
        let from_environment = env::var("AWS_CA_BUNDLE").ok().filter(|file| !file.is_empty());
        Ok(Network {
            proxy: Proxy::parse(&proxy_variable("https_proxy"), &proxy_variable("no_proxy"))?,
            ca_bundle: from_environment.or(ca_bundle.map(str::to_owned)).map(PathBuf::from),
        })
    }

    /// Returns a client for this network.
    ///
    /// # Errors
    /// The file of certificates cannot be read, or has none.
    pub fn client(self) -> Result<SharedHttpClient, NetworkError> {
        let connector = SharedHttpConnector::new(Connector::new(self)?);
        Ok(http_client_fn(move |_, _| connector.clone()))
    }
}

/// Returns the value of a variable, which takes precedence in lower case even if it is empty there, as in Python.
fn proxy_variable(name: &str) -> String {
    let value = env::var(name).or_else(|_| env::var(name.to_ascii_uppercase()));
    value.unwrap_or_default()
}

impl Proxy {
    /// Parses the URL of a proxy, which may contain a user and a password; empty is no proxy.
    fn parse(url: &str, exceptions: &str) -> Result<Option<Proxy>, NetworkError> {
        if url.is_empty() {
            return Ok(None);
        }
        let any = Uri::from_static("https://amazonaws.com");
        let server = Matcher::builder().https(url).build().intercept(&any).ok_or(NetworkError::Proxy)?;
        // The matcher also accepts SOCKS.
        if !matches!(server.uri().scheme_str(), Some("http" | "https")) {
            return Err(NetworkError::Proxy);
        }
        Ok(Some(Proxy { server, matcher: Matcher::builder().https(url).no(exceptions).build() }))
    }

    fn tunnel(&self, connector: Direct) -> Tunnel<Direct> {
        let tunnel = Tunnel::new(self.server.uri().clone(), connector);
        match self.server.basic_auth() {
            Some(auth) => tunnel.with_auth(auth.clone()),
            None => tunnel,
        }
    }
}

type Direct = HttpsConnector<TcpConnector>;
/// TLS to AWS inside a connection to the proxy, which may use TLS itself.
type Tunneled = HttpsConnector<Tunnel<Direct>>;

#[derive(Debug, Clone)]
struct Connector {
    direct: Client<Direct, SdkBody>,
    through_proxy: Option<(Arc<Proxy>, Client<Tunneled, SdkBody>)>,
}

impl Connector {
    fn new(network: Network) -> Result<Connector, NetworkError> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE));
        let tls = tls(network.ca_bundle)?;
        let https =
            || HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http().enable_http1();
        let direct = https().wrap_connector(tcp);
        let through_proxy = network.proxy.map(|proxy| {
            let tunneled = https().wrap_connector(proxy.tunnel(direct.clone()));
            (Arc::new(proxy), client(tunneled))
        });
        Ok(Connector { direct: client(direct), through_proxy })
    }
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, SdkBody> {
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Returns a configuration that trusts the certificates in a file, or otherwise those that this machine trusts.
fn tls(ca_bundle: Option<PathBuf>) -> Result<ClientConfig, NetworkError> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
    };
    let trusting = match ca_bundle {
        Some(file) => match certificates(&file) {
            Ok(roots) => builder().with_root_certificates(roots),
            Err(why) => return Err(NetworkError::Certificates { file, why }),
        },
        // A machine without root certificates can still connect to itself, without TLS.
        None => builder()
            .with_native_roots()
            .unwrap_or_else(|_| builder().with_root_certificates(RootCertStore::empty())),
    };
    Ok(trusting.with_no_client_auth())
}

/// Reads a file of certificates in PEM.
fn certificates(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it has no certificate".to_owned()) } else { Ok(roots) }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Connector { direct, through_proxy } = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let tunneled =
                through_proxy.filter(|(proxy, _)| proxy.matcher.intercept(request.uri()).is_some());
            let response = match tunneled {
                Some((_, client)) => client.request(request).await,
                None => direct.request(request).await,
            };
            let response = response.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_proxied(exceptions: &str, url: &'static str) -> bool {
        let proxy = Proxy::parse("http://proxy.example:3128", exceptions).expect("a URL").expect("a proxy");
        proxy.matcher.intercept(&Uri::from_static(url)).is_some()
    }

    #[test]
    fn exceptions_and_addresses_without_tls_are_reached_directly() {
        const LAMBDA: &str = "https://lambda.eu-west-1.amazonaws.com/";
        for exceptions in ["", "example.com", "azonaws.com", "10.0.0.0/8"] {
            assert!(is_proxied(exceptions, LAMBDA), "{exceptions}");
        }
        for exceptions in
            ["*", "amazonaws.com", ".amazonaws.com", "a.example, lambda.eu-west-1.amazonaws.com"]
        {
            assert!(!is_proxied(exceptions, LAMBDA), "{exceptions}");
        }
        assert!(!is_proxied("10.0.0.0/8", "https://10.1.2.3/"));
        assert!(!is_proxied("", "http://169.254.169.254/latest/meta-data/"));
    }

    #[test]
    fn a_proxy_is_the_url_of_an_http_proxy() {
        assert!(Proxy::parse("", "").expect("no proxy").is_none());
        for url in ["http://proxy:3128", "https://user:p%40ss@proxy", "proxy.example:3128"] {
            assert!(Proxy::parse(url, "").is_ok_and(|proxy| proxy.is_some()), "{url}");
        }
        for url in ["socks5://user:secret@proxy", "ftp://proxy", "http://", "not a URL"] {
            let error = Proxy::parse(url, "").expect_err(url).to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("secret"), "{error}");
        }
    }
}
