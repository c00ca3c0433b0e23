//! The output document of AWS Lambda Power Tuning's state machine, for programs that read it today.
//!
//! <https://github.com/alexcasalboni/aws-lambda-power-tuning/blob/master/README-INPUT-OUTPUT.md#state-machine-output>

use serde::Serialize;

use crate::decide::Candidate;
use crate::records::{Selection, Statistics};
use crate::units::{MemoryMB, Millis, Money};

#[derive(Serialize)]
struct Document<'a> {
    results: Results<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Results<'a> {
    power: MemoryMB,
    cost: Money,
    duration: Millis,
    state_machine: StateMachine<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Vec<Stat>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateMachine<'a> {
    /// The cost of the state machine's own steps: 0, because there is no state machine.
    execution_cost: u8,
    lambda_cost: Money,
    visualization: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stat {
    value: MemoryMB,
    average_price: Money,
    average_duration: Millis,
}

/// Returns the document of one function on one line, with the statistics of `rivals` if `with_statistics` is set.
pub(super) fn output(selection: &Selection, rivals: &[&Statistics], with_statistics: bool) -> String {
    let stat = |rival: &&Statistics| {
        Candidate::of(rival).map(|candidate| Stat {
            value: rival.memory_size,
            average_price: candidate.average_cost,
            average_duration: candidate.average_duration,
        })
    };
    let document = Document {
        results: Results {
            power: selection.memory_size,
            cost: selection.average_cost,
            duration: selection.average_duration_ms,
            state_machine: StateMachine {
                execution_cost: 0,
                lambda_cost: selection.lambda_cost,
                visualization: selection.visualization.as_deref(),
            },
            stats: with_statistics.then(|| rivals.iter().filter_map(stat).collect()),
        },
    };
    serde_json::to_string(&document).expect("its keys are strings")
}
