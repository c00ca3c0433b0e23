//! The record types that the tools exchange: one file each, and [`AnyRecord`] for all of them.
//!
//! lpt-records(5) describes them to users; tests/docs.rs checks that page against these types.

mod plan; // a function before the run, and the sizes to measure
mod measured; // what the statistics need of an invocation
mod skipped; // a size that an adaptive run need not measure
mod invocation; // one invocation, as Lambda reported it
mod configuration; // a version to measure
mod failure; // a function that could not be prepared
mod statistics; // the durations and costs of one memory size
mod comparison; // what changed at one memory size since an earlier measurement
mod selection; // the best size of a function
mod proposal; // a size to measure
mod between; // two functions, each at its best size
mod applied; // a change of a function by lpt-apply
mod cleaned; // the removal of what a run made
mod end; // the last line of each tool
mod size_key; // a function on one architecture at one memory size
mod run_id; // the id of a run, and the names that come from it; the runs of other programs
mod strategy; // the selection strategies, as records and flags name them

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::Serialize;
use serde_aux::serde_introspection::serde_introspect;

pub use applied::{Applied, AppliedState};
pub use between::Between;
pub use cleaned::{Cleaned, Left};
pub use comparison::Comparison;
pub(crate) use comparison::Quantity;
pub use configuration::{Configuration, ConfigurationState};
pub use end::{End, Status};
pub use failure::Failure;
pub use invocation::{Invocation, Outcome, Tags};
pub use measured::{Identification, Measured};
pub use plan::{Plan, SchemaVersion};
pub use proposal::Proposal;
pub use run_id::{RunId, RunName};
pub use selection::Selection;
pub use size_key::SizeKey;
pub use skipped::Skipped;
pub use statistics::{Starts, Statistics, Verdict};
pub use strategy::{BalancedWeight, Objective, Strategy};

/// A record type, named by the field `type` of its lines.
pub trait Record: Serialize + DeserializeOwned {
    /// The value of `type`.
    const TYPE: &'static str;

    /// Returns the names of all fields that a record of this type can have.
    fn fields() -> &'static [&'static str] {
        serde_introspect::<Self>()
    }
}

/// Defines [`AnyRecord`] from the list of record types.
macro_rules! any_record {
    ($($record:ident,)*) => {
        /// A record of any type that the tools know.
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is the type of its name")]
        pub enum AnyRecord {
            $($record(Box<$record>),)*
        }

        impl AnyRecord {
            /// The types, in the order of the pipe.
            pub const TYPES: &'static [&'static str] = &[$($record::TYPE,)*];

            /// Returns the names of all fields that a record of `record_type` can have, if that type is
            /// known.
            pub fn fields(record_type: &str) -> Option<&'static [&'static str]> {
                match record_type {
                    $($record::TYPE => Some($record::fields()),)*
                    _ => None,
                }
            }

            /// Reads a record of `record_type`, if that type is known.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                record_type: &str,
                deserializer: D,
            ) -> Option<Result<AnyRecord, D::Error>> {
                match record_type {
                    $($record::TYPE => {
                        Some($record::deserialize(deserializer).map(|record| AnyRecord::$record(Box::new(record))))
                    })*
                    _ => None,
                }
            }
        }
    };
}

any_record! {
    Plan,
    Configuration,
    Failure,
    Invocation,
    Skipped,
    Statistics,
    Comparison,
    Selection,
    Proposal,
    Between,
    Applied,
    Cleaned,
    End,
}

/// Reads `null` as an absent value, as programs with missing values write it.
fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
