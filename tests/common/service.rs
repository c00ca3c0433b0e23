//! Services that the tools talk to: lpt-local, and one that refuses everything.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::account::{self, Account, Function};
use super::{Tool, binary};

/// The access key id of each service of the tests, so that a tool can also reach one through a disturbed network.
pub const ACCESS_KEY_ID: &str = "LPTTESTACCESSKEYID";

/// Returns the environment variables that lead an SDK to `endpoint`, with stand-in credentials.
pub fn variables(endpoint: &str) -> [(&'static str, &str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
}

/// Returns the configuration of an SDK's client of `endpoint`.
pub fn client_config(endpoint: &str, region: &'static str) -> aws_sdk_lambda::config::Builder {
    aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(aws_sdk_lambda::config::Region::new(region))
        .credentials_provider(aws_credential_types::Credentials::new(
            ACCESS_KEY_ID,
            "test",
            None,
            None,
            "test",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

/// Whether PublishVersion makes a new version where only the request's description differs. It is reported both ways,
/// so the tools must be right under either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    CodeAndConfiguration,
    DescriptionToo,
}

impl Publishing {
    pub const BOTH: [Publishing; 2] = [Publishing::CodeAndConfiguration, Publishing::DescriptionToo];

    /// Returns the arguments of lpt-local.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Publishing::CodeAndConfiguration => &[],
            Publishing::DescriptionToo => &["--description-makes-version"],
        }
    }
}

/// Makes two tests of each function, one for each [`Publishing`].
macro_rules! under_both_readings {
    ($($test:ident)*) => {
        mod code_and_configuration {
            $(#[test] fn $test() { super::$test($crate::common::Publishing::CodeAndConfiguration); })*
        }
        mod description_too {
            $(#[test] fn $test() { super::$test($crate::common::Publishing::DescriptionToo); })*
        }
    };
}
pub(crate) use under_both_readings;

/// A Lambda service of the test's own.
pub struct Local {
    server: Child,
    endpoint: String,
    exported: BTreeMap<String, String>,
}

impl Local {
    /// Starts a service without a limit on the control plane, for tests that are not about it.
    pub fn with(functions: &[&str]) -> Local {
        Local::publishing(Publishing::CodeAndConfiguration, functions)
    }

    /// Starts the same, with one of the two readings of PublishVersion.
    pub fn publishing(publishing: Publishing, functions: &[&str]) -> Local {
        let mut arguments = vec!["--control-plane-rate", "0", "--update-delay-ms", "20"];
        arguments.extend(publishing.arguments());
        for function in functions {
            arguments.extend(["--function", function]);
        }
        Local::start(&arguments)
    }

    pub fn start(arguments: &[&str]) -> Local {
        Local::start_as_is(&[&["--access-key-id", ACCESS_KEY_ID], arguments].concat())
    }

    /// Starts lpt-local with these arguments and no others. Callers take its access key from [`Local::exported`].
    pub fn start_as_is(arguments: &[&str]) -> Local {
        let mut command = Command::new(binary("lpt-local"));
        command.args(arguments);
        Local::of(command)
    }

    /// Starts lpt-local by a command of one's own.
    pub fn of(mut command: Command) -> Local {
        let mut server =
            command.env_remove("AWS_REGION").stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let exported: BTreeMap<String, String> = loop {
            let Some(line) = lines.next() else {
                panic!("lpt-local ended before it served: {said:?}");
            };
            let line = line.unwrap();
            if let Some(variables) = line.strip_prefix("export ") {
                let variables = variables.split(' ').map(|variable| variable.split_once('=').unwrap());
                break variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            }
            said.push(line);
        };
        // Reads on, so that the server never writes into a full or closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Local { server, endpoint: exported["AWS_ENDPOINT_URL"].clone(), exported }
    }

    /// Returns the variables that it prints for a shell.
    pub fn exported(&self) -> &BTreeMap<String, String> {
        &self.exported
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a tool that talks to this service.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).towards(&self.endpoint)
    }

    /// Returns an SDK's client of this service, and a runtime to call it in.
    pub fn client(&self) -> (tokio::runtime::Runtime, aws_sdk_lambda::Client) {
        self.client_in("us-east-1")
    }

    /// Returns the same in another region.
    pub fn client_in(&self, region: &'static str) -> (tokio::runtime::Runtime, aws_sdk_lambda::Client) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = client_config(&self.endpoint, region);
        (runtime, aws_sdk_lambda::Client::from_conf(config.build()))
    }

    /// Publishes a version of the function with a description that the last one does not have, and returns its number.
    /// `$LATEST` has the description meanwhile, which makes the version new under each [`Publishing`].
    pub fn publish(&self, function: &str, description: &str) -> String {
        let (runtime, client) = self.client();
        runtime.block_on(async {
            let latest = client.get_function_configuration().function_name(function).send().await.unwrap();
            account::describe(&client, function, description).await;
            let published = client.publish_version().function_name(function).send().await.unwrap();
            assert_eq!(published.description(), Some(description));
            account::describe(&client, function, latest.description().unwrap()).await;
            published.version().unwrap().to_owned()
        })
    }

    /// Makes an alias of the function.
    pub fn create_alias(&self, function: &str, alias: &str, version: &str) {
        let (runtime, client) = self.client();
        let request = client.create_alias().function_name(function).name(alias).function_version(version);
        runtime.block_on(request.send()).unwrap();
    }

    /// Reads the account.
    pub fn account(&self) -> Account {
        let (runtime, client) = self.client();
        runtime.block_on(account::read(&client))
    }

    /// Reads one function of the account.
    pub fn state_of(&self, function: &str) -> Function {
        let (runtime, client) = self.client();
        runtime.block_on(account::read_function(&client, function))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

/// Returns an answer with `status` and the error `code`, as Lambda's REST API words it, after which the connection closes.
pub fn refusal(status: &str, code: &str, message: &str) -> String {
    let body = format!("{{\"Message\":\"{message}\"}}");
    let head = format!(
        "HTTP/1.1 {status}\r\nx-amzn-ErrorType: {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    head + &body
}

/// An endpoint that answers each request as a function of its text says, and keeps the requests.
pub struct Scripted {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub fn with<A: Into<Vec<u8>>>(answer: impl Fn(&str) -> A + Send + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                // A client that has left does not want it.
                let _ = stream.write_all(&answer(&request).into());
                kept.lock().unwrap().push(request);
            }
        });
        Scripted { endpoint, requests }
    }

    /// Returns a tool that talks to this endpoint.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).towards(&self.endpoint)
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the requests so far, each with its headers and its body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    while !request.ends_with("\r\n\r\n") {
        let start = request.len();
        if reader.read_line(&mut request).unwrap() == 0 {
            return request;
        }
        if let Some(value) = request[start..].to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8_lossy(&body)
}

/// An endpoint that gives every request the same answer, for errors that no state of a function brings about.
pub struct Refusing(Scripted);

impl Refusing {
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Starts an endpoint that answers with this status, error and message.
    pub fn with(status: &'static str, code: &'static str, message: &'static str) -> Refusing {
        Refusing(Scripted::with(move |_| refusal(status, code, message)))
    }

    /// Returns a tool that talks to this endpoint.
    pub fn tool(&self, name: &str) -> Tool {
        self.0.tool(name)
    }
}
