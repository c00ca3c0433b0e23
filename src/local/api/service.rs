//! The state that all requests share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::rate::Rate;
use super::store::{Moment, Store, Version};
use super::wire;
use crate::local::credentials::AccessKeyId;
use crate::local::environment::{Concurrency, Fleet};
use crate::local::function::{AccountRegion, Code, Qualifier, Target};
use crate::local::refusal::{Exception, Refusal};
use crate::units::MemoryMB;

#[derive(Debug)]
pub(crate) struct Service {
    /// The access key id that requests must be signed with.
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) store: Mutex<Store>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) concurrency: Concurrency,
    /// The rate limit of all actions except invocations and GetFunction.
    pub(crate) control_plane: Rate,
    /// The rate limit of GetFunction.
    pub(crate) get_function: Rate,
    /// The largest memory size that the account allows.
    pub(crate) max_memory: MemoryMB,
    /// The file with the policy of the callers. None allows everything.
    pub(crate) policy: Option<PathBuf>,
    /// Further access key ids, and the accounts of those who sign with them.
    pub(crate) callers: Vec<(AccessKeyId, String)>,
    /// The account of the other callers, and the region of those whose request names none.
    pub(crate) account_region: AccountRegion,
    /// The folder that zips are unpacked in.
    pub(crate) temp_dir: PathBuf,
}

/// The argument by which an action gets the service.
pub(crate) type ServiceState = State<Arc<Service>>;
pub(crate) type ActionResult = Result<Response, Refusal>;

impl Service {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the version that a target means, and its configuration as the API returns it.
    pub(crate) fn look_up(&self, target: &Target) -> Result<(Version, Value), Refusal> {
        let version = self.store().version(target, Moment::now())?.clone();
        let qualifier = target.qualifier.as_ref().map(Qualifier::to_string);
        let configuration = wire::configuration(&target.function, &version, qualifier.as_deref(), false);
        Ok((version, configuration))
    }

    /// Unpacks a zip on a thread of its own, because it may take long enough to delay invocations.
    pub(crate) async fn unzip(&self, code: wire::FunctionCode) -> Result<Code, Refusal> {
        let Some(zip) = code.zip_file else {
            return Err(Refusal::invalid("lpt-local takes code as a ZipFile only."));
        };
        let temp_dir = self.temp_dir.clone();
        let work = move || {
            let bytes = BASE64_STANDARD.decode(zip).map_err(|error| format!("ZipFile: {error}"))?;
            Code::unzip(bytes, &temp_dir)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(code) => code.map_err(Refusal::invalid),
            Err(error) => Err(Refusal::new(Exception::Service, error.to_string())),
        }
    }
}
