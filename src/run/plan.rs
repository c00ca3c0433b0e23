//! The `plan` record of a function as it is now.

use crate::aws::FunctionConfiguration;
use crate::records::{Plan, RunId, SchemaVersion};
use crate::units::Timestamp;

/// Returns a plan that suffices to restore `latest` after the run `run_id`, with a profile of the user's. It has no sizes
/// to measure.
pub(crate) fn plan_before(run_id: RunId, latest: &FunctionConfiguration, profile: Option<String>) -> Plan {
    Plan {
        run_id: run_id.into(),
        schema_version: SchemaVersion,
        function_arn: latest.function_arn.clone(),
        architecture: latest.architecture,
        runtime: latest.runtime.clone(),
        package_type: latest.package_type.clone(),
        snap_start: latest.snap_start,
        ephemeral_storage: latest.ephemeral_storage,
        timeout_seconds: latest.timeout_seconds,
        original_memory_size: latest.memory,
        original_description: latest.description.clone(),
        original_revision_id: latest.revision_id.clone(),
        code_sha256: latest.code_sha256.clone(),
        power_values: Vec::new(),
        num: 0,
        only_cold_starts: false,
        alias: None,
        profile,
        dry_run: false,
        created_at: Timestamp::now(),
    }
}
