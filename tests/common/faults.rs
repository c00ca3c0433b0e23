//! A bad network and a busy service, on purpose: a proxy in front of an endpoint disturbs some of the requests and
//! passes on the rest.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Tool, refusal};

/// A disturbance of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection is closed, and the request is not passed on.
    Refused,
    /// The request takes longer, by [`DELAY`].
    Delayed,
    /// The request takes effect, and the connection is closed in the middle of the answer.
    Cut,
    /// The answer is 429, and the request is not passed on.
    Throttled,
    /// The answer is 500, and the request is not passed on.
    ServiceFailed,
    /// The answer is 503, and the request is not passed on.
    Unavailable,
    /// The request takes effect, and the connection is closed without an answer.
    AnswerLost,
    /// The request takes effect, and the answer is a 502 in HTML, as from a gateway that did not wait.
    BadGateway,
}

/// How much longer a delayed request takes.
const DELAY: Duration = Duration::from_millis(30);

impl Fault {
    pub const ALL: [Fault; 8] = [
        Fault::Refused,
        Fault::Delayed,
        Fault::Cut,
        Fault::Throttled,
        Fault::ServiceFailed,
        Fault::Unavailable,
        Fault::AnswerLost,
        Fault::BadGateway,
    ];
}

/// The answer of a gateway that lost patience.
const BAD_GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 37\r\n\
     Connection: close\r\n\r\n<html><h1>502 Bad Gateway</h1></html>";

/// The proxy. The seed and the number of earlier requests decide what happens to a request, and nothing else does: a
/// seed repeats a run as far as the order of its requests repeats.
pub struct Faults {
    endpoint: String,
    plan: Arc<Mutex<Plan>>,
}

struct Plan {
    random: fastrand::Rng,
    share: f64,
    every: usize,
    spared: usize,
    /// The number of the first request that is passed on again.
    end: usize,
    kinds: Vec<Fault>,
    on: bool,
    reads_arns: bool,
    /// The number of the request that is to wait.
    hold: Option<usize>,
    is_holding: bool,
    chosen: Vec<Option<Fault>>,
    answered: Vec<String>,
}

impl Faults {
    /// Starts a proxy in front of `upstream`, such as `http://127.0.0.1:9001`. It disturbs nothing until it is told
    /// how often.
    pub fn before(upstream: &str, seed: u64) -> Faults {
        let upstream = upstream.strip_prefix("http://").expect("lpt-local speaks http").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let plan = Arc::new(Mutex::new(Plan {
            random: fastrand::Rng::with_seed(seed),
            share: 0.0,
            every: 1,
            spared: 0,
            end: usize::MAX,
            kinds: Fault::ALL.to_vec(),
            on: true,
            reads_arns: true,
            hold: None,
            is_holding: false,
            chosen: Vec::new(),
            answered: Vec::new(),
        }));
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (upstream, plan) = (upstream.clone(), Arc::clone(&shared));
                // A client that leaves early ends its connection, and nothing else.
                std::thread::spawn(move || serve(&client?, &upstream, &plan));
            }
        });
        Faults { endpoint, plan }
    }

    /// Disturbs this share of the requests, from 0 to 1.
    pub fn often(self, share: f64) -> Faults {
        self.plan().share = share;
        self
    }

    /// Disturbs the first request and each `every`th after it. With 2, each call that is tried again fails once.
    pub fn on_every(self, every: usize) -> Faults {
        self.plan().every = every;
        self.often(1.0)
    }

    /// Spares the first requests, and disturbs all others.
    pub fn after(self, spared: usize) -> Faults {
        self.plan().spared = spared;
        self.often(1.0)
    }

    /// Disturbs the first requests, and spares all others.
    pub fn first(self, disturbed: usize) -> Faults {
        self.plan().end = disturbed;
        self.often(1.0)
    }

    /// Disturbs requests in these ways only, in each as often as in the others.
    pub fn only(self, kinds: &[Fault]) -> Faults {
        self.plan().kinds = kinds.to_vec();
        self
    }

    /// Holds back the request of this number, from 0, until [`Faults::release`].
    pub fn hold(self, number: usize) -> Faults {
        self.plan().hold = Some(number);
        self
    }

    /// Finds no function by its ARN, except to read or change its configuration and to publish it. So does moto.
    pub fn without_arns(self) -> Faults {
        self.plan().reads_arns = false;
        self
    }

    /// Whether a request waits to be released.
    pub fn is_holding(&self) -> bool {
        self.plan().is_holding
    }

    pub fn release(&self) {
        self.plan().hold = None;
    }

    /// Passes every request on from now on.
    pub fn off(&self) {
        self.plan().on = false;
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a tool that talks through the proxy.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).towards(&self.endpoint)
    }

    /// Returns what was chosen for each request, in their order, while the proxy was on.
    pub fn chosen(&self) -> Vec<Option<Fault>> {
        self.plan().chosen.clone()
    }

    /// Returns the ids of the invocations whose whole answers, none of them a refusal, were passed on.
    pub fn answered(&self) -> Vec<String> {
        self.plan().answered.clone()
    }

    /// Counts the disturbances.
    pub fn counts(&self) -> BTreeMap<Fault, usize> {
        let mut counts = BTreeMap::new();
        for fault in self.plan().chosen.iter().flatten() {
            *counts.entry(*fault).or_default() += 1;
        }
        counts
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }
}

impl Plan {
    /// Counts the next request and chooses what is done to it.
    fn next(&mut self) -> (usize, Option<Fault>) {
        let number = self.chosen.len();
        if !self.on {
            return (number, None);
        }
        let is_meant = (self.spared..self.end).contains(&number) && number.is_multiple_of(self.every);
        let hit = self.random.f64() < self.share && is_meant;
        let fault = if hit { self.random.choice(&self.kinds).copied() } else { None };
        self.chosen.push(fault);
        (number, fault)
    }
}

/// Returns when nothing holds back the request of this number any more.
fn hold_back(number: usize, plan: &Mutex<Plan>) {
    loop {
        let mut now = plan.lock().unwrap();
        if now.hold != Some(number) {
            return;
        }
        now.is_holding = true;
        drop(now);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Serves one connection until it ends.
fn serve(mut client: &TcpStream, upstream: &str, plan: &Mutex<Plan>) -> Result<()> {
    let mut requests = BufReader::new(client);
    while let Some(request) = Message::read(&mut requests)? {
        let (number, fault) = plan.lock().unwrap().next();
        hold_back(number, plan);
        let instead = match fault {
            _ if request.names_an_arn() && !plan.lock().unwrap().reads_arns => {
                Some(request.answer_without_arns())
            }
            Some(Fault::Refused) => return Ok(()),
            Some(Fault::Throttled) => {
                Some(refusal("429 Too Many Requests", "TooManyRequestsException", "Rate exceeded"))
            }
            Some(Fault::ServiceFailed) => {
                Some(refusal("500 Internal Server Error", "ServiceException", "An error occurred"))
            }
            Some(Fault::Unavailable) => {
                Some(refusal("503 Service Unavailable", "ServiceUnavailableException", "Service Unavailable"))
            }
            _ => None,
        };
        if let Some(answer) = instead {
            return client.write_all(answer.as_bytes());
        }
        if fault == Some(Fault::Delayed) {
            std::thread::sleep(DELAY);
        }
        let answer = request.exchange(upstream)?;
        match fault {
            Some(Fault::AnswerLost) => return Ok(()),
            Some(Fault::BadGateway) => return client.write_all(BAD_GATEWAY.as_bytes()),
            // An answer without a body can only be cut before its end.
            Some(Fault::Cut) => {
                return client.write_all(&answer.bytes[..(answer.body + answer.bytes.len() - 1) / 2]);
            }
            _ => client.write_all(&answer.bytes)?,
        }
        if request.invokes() {
            plan.lock().unwrap().answered.extend(answer.id_of_success());
        }
    }
    Ok(())
}

/// A request or an answer, as it is sent over the network.
struct Message {
    bytes: Vec<u8>,
    /// Where its body begins.
    body: usize,
}

impl Message {
    /// Reads the next message, if one comes.
    fn read(stream: &mut impl BufRead) -> Result<Option<Message>> {
        let mut bytes = Vec::new();
        let mut length = 0;
        loop {
            let start = bytes.len();
            if stream.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
            assert!(!line.starts_with("transfer-encoding:"), "lpt-local and the SDK name the length");
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let body = bytes.len();
        bytes.resize(body + length, 0);
        stream.read_exact(&mut bytes[body..])?;
        Ok(Some(Message { bytes, body }))
    }

    /// Whether the path of the request names a function by its ARN, but not to read or change its configuration or to
    /// publish it.
    fn names_an_arn(&self) -> bool {
        let line = String::from_utf8_lossy(&self.bytes[..self.body]);
        let line = line.lines().next().unwrap_or_default();
        let is_read =
            line.contains("/configuration") || line.starts_with("POST") && line.contains("/versions");
        line.contains("arn%3Aaws%3Alambda") && !is_read
    }

    /// Returns moto's answer to such a request.
    fn answer_without_arns(&self) -> String {
        if String::from_utf8_lossy(&self.bytes[..self.body]).contains("/versions") {
            let body = "{\"Versions\":[]}";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            return format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
        refusal("404 Not Found", "ResourceNotFoundException", "Function not found: arn%3Aaws")
    }

    /// Whether this is a request to invoke a function.
    fn invokes(&self) -> bool {
        let head = String::from_utf8_lossy(&self.bytes[..self.body]);
        head.lines().next().is_some_and(|line| line.contains("/invocations"))
    }

    /// Returns the id of the request that this answers, if it succeeded.
    fn id_of_success(&self) -> Option<String> {
        let head = String::from_utf8_lossy(&self.bytes[..self.body]);
        let mut lines = head.lines();
        lines.next().filter(|line| line.contains(" 200 "))?;
        let named =
            |line: &str| line.to_ascii_lowercase().strip_prefix("x-amzn-requestid:").map(str::to_owned);
        lines.find_map(named).map(|id| id.trim().to_owned())
    }

    /// Passes the request on, and returns the answer.
    fn exchange(&self, upstream: &str) -> Result<Message> {
        let mut stream = TcpStream::connect(upstream)?;
        stream.write_all(&self.bytes)?;
        let answer = Message::read(&mut BufReader::new(stream))?;
        answer.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::Client;
    use aws_sdk_lambda::config::retry::RetryConfig;
    use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

    use super::*;
    use crate::common::{Local, client_config, function};

    fn local() -> Local {
        Local::with(&[&format!("f={}", function("cpu-bound").display())])
    }

    /// Makes an alias without trying twice, and returns `made`, or how AWS refused it, or `no answer`.
    async fn make_alias(client: &Client, name: &str) -> String {
        let call = client.create_alias().function_name("f").function_version("$LATEST").name(name);
        match call.send().await {
            Ok(_) => "made".to_owned(),
            Err(SdkError::ServiceError(refusal)) => {
                format!("{} {}", refusal.raw().status().as_u16(), refusal.err().code().unwrap_or("HTML"))
            }
            Err(SdkError::DispatchFailure(_) | SdkError::ResponseError(_)) => "no answer".to_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Returns a client without retries that talks through the proxy.
    fn through(faults: &Faults) -> (tokio::runtime::Runtime, Client) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = client_config(faults.endpoint(), "us-east-1").retry_config(RetryConfig::disabled());
        (runtime, Client::from_conf(config.build()))
    }

    fn is_there(local: &Local, alias: &str) -> bool {
        let aliases = &local.account().functions["f"].aliases;
        aliases.get(alias).is_some_and(|alias| alias.version == "$LATEST")
    }

    #[test]
    fn each_fault_does_what_its_name_says() {
        let local = local();
        for (fault, outcome, takes_effect) in [
            (Fault::Refused, "no answer", false),
            (Fault::Delayed, "made", true),
            (Fault::Cut, "no answer", true),
            (Fault::Throttled, "429 TooManyRequestsException", false),
            (Fault::ServiceFailed, "500 ServiceException", false),
            (Fault::Unavailable, "503 ServiceUnavailableException", false),
            (Fault::AnswerLost, "no answer", true),
            (Fault::BadGateway, "502 HTML", true),
        ] {
            let faults = Faults::before(local.endpoint(), 1).often(1.0).only(&[fault]);
            let (runtime, client) = through(&faults);
            let alias = format!("{fault:?}");
            assert_eq!(runtime.block_on(make_alias(&client, &alias)), outcome, "{alias}");
            assert_eq!(is_there(&local, &alias), takes_effect, "{alias}");
            assert_eq!(faults.counts(), BTreeMap::from([(fault, 1)]));
        }
    }

    /// Each request that is passed on makes an alias, and no other request does.
    #[test]
    fn a_seed_repeats_its_faults_and_every_fault_occurs() {
        let run = |seed| {
            let local = local();
            let faults = Faults::before(local.endpoint(), seed).often(0.5);
            let (runtime, client) = through(&faults);
            let outcomes: Vec<String> = runtime.block_on(async {
                let mut outcomes = Vec::new();
                for number in 0..60 {
                    outcomes.push(make_alias(&client, &format!("a{number}")).await);
                }
                outcomes
            });
            let chosen = faults.chosen();
            assert_eq!(chosen.len(), 60);
            assert_eq!(faults.counts().into_keys().collect::<Vec<_>>(), Fault::ALL);
            let passed_on = |fault: &Option<Fault>| {
                !matches!(
                    fault,
                    Some(Fault::Refused | Fault::Throttled | Fault::ServiceFailed | Fault::Unavailable)
                )
            };
            let made = local.account().functions["f"].aliases.len();
            assert_eq!(made, chosen.iter().filter(|fault| passed_on(fault)).count());
            (outcomes, chosen)
        };
        let first = run(7);
        assert_eq!(run(7), first);
        assert_ne!(run(8), first);
    }

    #[test]
    fn a_request_waits_until_it_is_released() {
        let local = local();
        let faults = Faults::before(local.endpoint(), 1).hold(1);
        let (runtime, client) = through(&faults);
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                runtime.block_on(async { [make_alias(&client, "a").await, make_alias(&client, "b").await] })
            });
            while !faults.is_holding() {
                assert!(!made.is_finished(), "the second request is held back");
                std::thread::yield_now();
            }
            assert!(is_there(&local, "a") && !is_there(&local, "b"));
            faults.release();
            assert_eq!(made.join().unwrap(), ["made", "made"]);
        });
        assert!(is_there(&local, "b"));
    }

    #[test]
    fn a_proxy_that_is_off_disturbs_nothing() {
        let local = local();
        let faults = Faults::before(local.endpoint(), 1).often(1.0).only(&[Fault::Refused]);
        faults.tool("lpt-prepare").args(["--power-values", "512", "f"]).run().fails_with(1, &["f: "]);
        let before = faults.chosen();
        assert!(!before.is_empty());
        faults.off();
        faults.tool("lpt-prepare").args(["--power-values", "512", "f"]).run().succeeds();
        assert_eq!(faults.chosen(), before);
    }
}
