//! A company's network: TLS by a certificate authority of its own, and a proxy that is asked with CONNECT.

use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Folder;

/// The hosts that the certificate of [`Tls`] is for. Only the proxy finds those that are not this machine's own.
const HOSTS: [&str; 5] = ["localhost", "lambda.test", "sts.test", "sso.test", "bucket.s3.test"];

/// Serves each connection to a port of this machine, which it returns.
fn serve<F: Future<Output = Result<()>> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that leaves early ends its connection, and nothing else.
                tokio::spawn(serve(stream));
            }
        })
    });
    port
}

/// TLS in front of an endpoint.
pub struct Tls {
    folder: Folder,
    pub port: u16,
}

impl Tls {
    /// Starts TLS in front of `upstream`, such as `http://127.0.0.1:9001`.
    pub fn before(upstream: &str) -> Tls {
        let upstream: Arc<str> = upstream.strip_prefix("http://").expect("without TLS of its own").into();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let hosts = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        let certificate = hosts.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let port = serve(move |client| {
            let (acceptor, upstream) = (acceptor.clone(), Arc::clone(&upstream));
            async move {
                let mut client = acceptor.accept(client).await?;
                let mut upstream = TcpStream::connect(&*upstream).await?;
                copy_bidirectional(&mut client, &mut upstream).await.map(drop)
            }
        });
        let folder = Folder::new();
        folder.file("authority.pem", &authority.pem());
        Tls { folder, port }
    }

    /// Returns the endpoint by its name for this machine.
    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Returns the file with the certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.path("authority.pem")
    }
}

/// A proxy that leads every host to this machine.
pub struct Proxy {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that asks for credentials, such as `user:password`, if there are any.
    pub fn start(credentials: Option<&str>) -> Proxy {
        let expected = credentials
            .map(|it| format!("proxy-authorization: basic {}", BASE64_STANDARD.encode(it)).to_lowercase());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let port = serve(move |mut client| {
            let (expected, kept) = (expected.clone(), Arc::clone(&kept));
            async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let destination = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
                let port =
                    destination.and_then(|destination| destination.rsplit(':').next()?.parse::<u16>().ok());
                let port = port.ok_or(Error::from(ErrorKind::InvalidData))?;
                let is_welcome = expected.is_none_or(|expected| head.to_lowercase().contains(&expected));
                kept.lock().unwrap().push(head);
                if !is_welcome {
                    return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
                }
                let mut upstream = TcpStream::connect(("127.0.0.1", port)).await?;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                copy_bidirectional(&mut client, &mut upstream).await.map(drop)
            }
        });
        Proxy { port, requests }
    }

    /// Returns its URL with these credentials, such as `user:password@`.
    pub fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}127.0.0.1:{}", self.port)
    }

    /// Whether it was asked to connect to this host.
    pub fn was_asked_for(&self, host: &str) -> bool {
        let start = format!("CONNECT {host}:");
        self.requests.lock().unwrap().iter().any(|request| request.starts_with(&start))
    }
}
