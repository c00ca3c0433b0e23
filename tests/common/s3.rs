//! A real S3 server, for payloads there: the files of a folder, each bucket one of its folders.

use std::path::Path;

use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};

use super::{ACCESS_KEY_ID, Tool};

/// It serves as long as the test runs.
pub struct S3 {
    endpoint: String,
}

/// Nobody may read the bucket `private`.
struct Access;

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        match context.s3_path().get_bucket_name() {
            Some("private") => Err(s3_error!(AccessDenied, "Access Denied")),
            _ => Ok(()),
        }
    }
}

impl S3 {
    /// Serves the buckets in `folder`.
    pub fn of(folder: &Path) -> S3 {
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, "test"));
        builder.set_access(Access);
        let service = builder.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service.clone());
                    tokio::spawn(connection);
                }
            });
        });
        S3 { endpoint }
    }

    /// Leads a tool to this server for what it reads from S3.
    pub fn serve(&self, tool: Tool) -> Tool {
        tool.env("AWS_ENDPOINT_URL_S3", &self.endpoint)
    }
}
