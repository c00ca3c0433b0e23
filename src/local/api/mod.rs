//! Lambda's REST API.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

mod router; // the table of actions
mod actions; // what each action does
mod admission; // what happens before each action: the caller, the rate limits, the policy
mod service; // the state that all requests share
mod response; // the forms of responses
mod event_stream; // the response whose parts are sent as they come
mod wire; // the JSON of requests and responses
mod store; // functions, versions and aliases
mod policy; // an IAM policy
mod rate; // a rate limit

pub(crate) use self::policy::Policy;
pub(crate) use self::rate::Rate;
pub(crate) use self::router::router;
pub(crate) use self::service::Service;
pub(crate) use self::store::{Moment, NewVersionIf, Rules, Store};
