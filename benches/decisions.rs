//! Evaluates how sizes are chosen: AWS Lambda Power Tuning's way, num invocations of each size in series and the size with
//! the lowest average, beside the race of `lpt-invoke --adaptive`, on the same draws.
//!
//! A function is a table of sizes, each with execution environments that answer one invocation after another. Those of
//! Lin, Ma and Shahrad (2025) were measured; for the others, AWS's durations are known as means and 99th percentiles, or
//! as means, and the invocations are drawn about them (log-normal, half of the variance between environments, but no more than was measured). What is
//! drawn depends on the function, the size, the environment and the number of the invocation only, so all methods see the
//! same.
//!
//! Parameters were chosen with the even functions; the table is of the odd ones, except where it says so.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lpt::decide::{Limits, Race, Rules, Sent, Step, best};
use lpt::records::{BalancedWeight, Strategy, Verdict};
use lpt::statistics::TrimmedMean;
use lpt::units::MemoryMB;

fn repetitions() -> u64 {
    std::env::var("LPT_BENCH_REPETITIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

const TOLERANCE: f64 = 0.05;

/// The most that environments of one size differ, as the standard deviation of the logarithm: about what was measured.
const MOST_BETWEEN: f64 = 0.05;

/// A function, as it would behave forever.
struct Function {
    name: String,
    sizes: Vec<Size>,
    /// The places of the sizes that are measured at first.
    tested: Vec<usize>,
}

impl Function {
    fn new(name: String, sizes: Vec<Size>) -> Function {
        Function { name, tested: (0..sizes.len()).collect(), sizes }
    }

    /// Returns the place of the size that is nearest to so many MB.
    fn nearest(&self, memory: f64) -> usize {
        let distance = |size: &Size| (f64::from(size.memory) - memory).abs();
        least(&self.sizes.iter().map(distance).collect::<Vec<_>>())
    }
}

struct Size {
    memory: u32,
    /// The mean duration of a warm start, in milliseconds.
    mean: f64,
    /// The init duration of a cold start.
    init: f64,
    draws: Draws,
}

enum Draws {
    /// The standard deviation of the logarithm: between environments, and within one.
    Model { between: f64, within: f64 },
    /// The durations of each environment, in order, with their billed ones.
    Recorded(Vec<Vec<(f64, f64)>>),
}

/// An invocation: its duration and its billed duration in milliseconds.
type Answer = (f64, f64);

impl Size {
    fn modelled(memory: u32, mean: f64, p99: f64, init: f64) -> Size {
        // The 99th percentile of a log-normal is its median times e^(2.326 σ).
        let sigma = (p99 / mean).max(1.02).ln() / 2.326;
        let between = (sigma / 2_f64.sqrt()).min(MOST_BETWEEN);
        let within = (sigma.powi(2) - between.powi(2)).sqrt();
        Size { memory, mean, init, draws: Draws::Model { between, within } }
    }

    /// Returns what the invocation `call` of an environment takes; the first is a cold start.
    fn answer(&self, seed: u64, environment: u64, call: u64) -> Answer {
        let seed = hash(seed ^ hash(u64::from(self.memory)));
        let (duration, billed) = match &self.draws {
            Draws::Model { between, within } => {
                let of_environment = between * normal(seed ^ hash(environment));
                let own = within * normal(seed ^ hash(environment << 32 | (call + 1)));
                let variance = between.powi(2) + within.powi(2);
                let duration = self.mean * (of_environment + own - variance / 2.0).exp();
                (duration, duration.ceil())
            }
            Draws::Recorded(environments) => {
                // Another order in each repetition, without repeats.
                let mut order: Vec<usize> = (0..environments.len()).collect();
                order.sort_by_key(|at| hash(seed ^ hash(*at as u64 + 1)));
                let rows = &environments[order[environment as usize % order.len()]];
                rows[call as usize % rows.len()]
            }
        };
        match call {
            // Code that runs for the first time is slower.
            0 => (duration * 1.1 + self.init, (duration * 1.1 + self.init).ceil()),
            _ => (duration, billed),
        }
    }

    /// Returns the true mean cost of a warm start. Of a modelled size it is that of very many.
    fn cost(&self) -> f64 {
        let billed: Vec<f64> = match &self.draws {
            Draws::Model { .. } => (0..5_000).map(|environment| self.answer(7, environment, 1).1).collect(),
            Draws::Recorded(environments) => {
                environments.iter().flatten().map(|(_, billed)| *billed).collect()
            }
        };
        billed.iter().sum::<f64>() / billed.len() as f64 * f64::from(self.memory)
    }
}

fn hash(value: u64) -> u64 {
    // SplitMix64, G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014.
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn normal(seed: u64) -> f64 {
    let uniform = |value: u64| ((value >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let (a, b) = (uniform(hash(seed)), uniform(hash(seed ^ 0x5555_5555)));
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// What a method did in one repetition.
#[derive(Clone, Copy)]
struct Run {
    money: f64,
    regret: f64,
    /// Whether it said that it was certain.
    certain: bool,
    /// The share of intervals of its means that hold the true one.
    covered: Option<f64>,
}

/// AWS Lambda Power Tuning: in series, all averages trimmed, the cheapest wins. Returns the money, the place of the size,
/// and the share of the intervals that hold the true mean.
fn in_series(function: &Function, num: u64, seed: u64, costs: &[f64]) -> (f64, usize, f64) {
    let (mut money, mut covered) = (0.0, 0.0);
    let average = |at: &usize| {
        let size = &function.sizes[*at];
        let billed = (0..num).map(|call| size.answer(seed, 0, call).1 * f64::from(size.memory));
        let mut billed: Vec<f64> = billed.collect();
        money += billed.iter().sum::<f64>();
        billed.sort_by(f64::total_cmp);
        let mean = TrimmedMean::of(billed.iter().copied(), 0.2).expect("there are values");
        let (low, high) = mean.estimate(billed.iter().copied()).expect("there are several").interval(0.95);
        covered += f64::from(u8::from(low <= costs[*at] && costs[*at] <= high));
        mean.mean
    };
    let averages: Vec<f64> = function.tested.iter().map(average).collect();
    (money, function.tested[least(&averages)], covered / averages.len() as f64)
}

fn least(values: &[f64]) -> usize {
    let at = values.iter().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
    at.map(|(at, _)| at).expect("there are sizes")
}

/// The race, as lpt-invoke runs it.
struct Racing<'a> {
    function: &'a Function,
    seed: u64,
    limits: Limits,
    race: Race,
    /// The sizes in the race, by their place in the function; and the calls that each environment has had.
    lanes: Vec<(usize, u64, u32)>,
    money: f64,
}

impl<'a> Racing<'a> {
    fn wave(&mut self, lane: usize, count: usize, is_warm_up: bool) {
        let (at, calls, wave) = self.lanes[lane];
        let size = &self.function.sizes[at];
        for environment in 0..count as u64 {
            let (duration, billed) = size.answer(self.seed, environment, calls);
            self.money += billed * f64::from(size.memory);
            if !is_warm_up {
                let cost = billed * f64::from(size.memory);
                let round = self.race.round();
                self.race.note(lane, Sent { round, wave, duration, cost });
            }
        }
        self.race.note_environments(lane, count);
        self.lanes[lane] = (at, calls + 1, wave + u32::from(!is_warm_up));
    }

    fn enter(&mut self, at: usize) -> usize {
        let memory = MemoryMB::new(self.function.sizes[at].memory).expect("a memory size");
        let lane = self.race.add_size(memory);
        self.lanes.push((at, 0, 1));
        self.wave(lane, self.limits.wave, true);
        self.wave(lane, self.limits.wave, false);
        lane
    }

    fn finish(&mut self) {
        while let Some(Step { size, count }) = self.race.step() {
            self.wave(size, count, false);
        }
    }
}

fn race(function: &Function, options: &Options, seed: u64, costs: &[f64]) -> (Run, usize) {
    let rules = Rules {
        strategy: Strategy::Cost,
        balanced_weight: BalancedWeight::default(),
        confidence: 0.95,
        tolerance: TOLERANCE,
    };
    let limits = Limits { wave: options.wave, max_per_size: options.max_per_size };
    let mut racing =
        Racing { function, seed, limits, race: Race::new(rules, limits), lanes: Vec::new(), money: 0.0 };
    for at in &function.tested {
        let lane = racing.enter(*at);
        if racing.race.is_clearly_dearer(lane) {
            break;
        }
    }
    for _ in 0..options.refine {
        let Some(memory) = racing.race.proposal() else {
            break;
        };
        let at = function.nearest(f64::from(memory.get()));
        if racing.lanes.iter().any(|(known, ..)| *known == at) {
            break;
        }
        racing.enter(at);
    }
    racing.finish();
    let judgements = racing.race.judgements();
    let best = racing.lanes[best(&judgements).expect("one is the best")].0;
    let certain = judgements.iter().flatten().all(|judgement| judgement.verdict != Verdict::Undecided);
    let covered = racing.lanes.iter().zip(&judgements).filter_map(|((at, ..), judgement)| {
        let (low, high) = (*judgement)?.score.interval(0.95);
        let truth = costs[*at];
        Some(f64::from(u8::from(low <= truth && truth <= high)))
    });
    let covered: Vec<f64> = covered.collect();
    let run = Run {
        money: racing.money,
        regret: 0.0,
        certain,
        covered: Some(covered.iter().sum::<f64>() / covered.len() as f64),
    };
    (run, best)
}

struct Options {
    wave: usize,
    max_per_size: usize,
    refine: usize,
}

fn data(name: &str) -> Option<String> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::fs::read_to_string(folder.join(name)).ok()
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell}: expected a number"))
}

fn recorded() -> Option<Function> {
    let text = data("ubc_aws_cpu_quota_sample.csv")?;
    let mut sizes = BTreeMap::<u32, BTreeMap<u32, Vec<(f64, f64)>>>::new();
    for row in rows(&text) {
        let (memory, environment) = (number(row[0]) as u32, number(row[1]) as u32);
        let answers = sizes.entry(memory).or_default().entry(environment).or_default();
        answers.push((number(row[3]), number(row[4])));
    }
    let sizes = sizes.into_iter().map(|(memory, environments)| {
        let environments: Vec<_> = environments.into_values().collect();
        let all: Vec<f64> = environments.iter().flatten().map(|(duration, _)| *duration).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        Size { memory, mean, init: 0.0, draws: Draws::Recorded(environments) }
    });
    let mut function = Function::new("UBC".to_owned(), sizes.collect());
    function.tested = [128.0, 256.0, 512.0, 1024.0, 1536.0].map(|memory| function.nearest(memory)).into();
    Some(function)
}

fn cebert() -> Vec<Function> {
    let Some(text) = data("cebert_2025_summary.csv") else {
        return Vec::new();
    };
    let mut functions = BTreeMap::<String, BTreeMap<u32, (f64, f64)>>::new();
    let mut inits = BTreeMap::<(String, u32), f64>::new();
    for row in rows(&text) {
        let (name, memory) = (format!("{} {} {} {}", row[0], row[1], row[3], row[4]), number(row[5]) as u32);
        if row[2] == "warm" {
            functions.entry(name).or_default().insert(memory, (number(row[6]), number(row[8])));
        } else {
            inits.insert((name, memory), number(row[7]));
        }
    }
    let of = |(name, sizes): (String, BTreeMap<u32, (f64, f64)>)| {
        let sizes = sizes.iter().map(|(memory, (mean, p99))| {
            let init = inits.get(&(name.clone(), *memory)).copied().unwrap_or(150.0);
            Size::modelled(*memory, *mean, *p99, init)
        });
        let sizes = sizes.collect();
        Function::new(name, sizes)
    };
    functions.into_iter().map(of).filter(|function| function.sizes.len() >= 4).collect()
}

fn unfaasener() -> Vec<Function> {
    let Some(text) = data("unfaasener_power_tuning_runs.csv") else {
        return Vec::new();
    };
    let mut functions = BTreeMap::<String, BTreeMap<u32, Vec<f64>>>::new();
    for row in rows(&text) {
        let sizes = functions.entry(row[0].to_owned()).or_default();
        sizes.entry(number(row[5]) as u32).or_default().push(number(row[6]));
    }
    let usual = [128, 256, 512, 1024, 2048, 3008];
    let of = |(name, sizes): (String, BTreeMap<u32, Vec<f64>>)| {
        let sizes = sizes.iter().filter(|(memory, _)| usual.contains(memory)).map(|(memory, means)| {
            let mean = means.iter().sum::<f64>() / means.len() as f64;
            Size::modelled(*memory, mean, mean * 1.25, 200.0)
        });
        Function::new(name, sizes.collect())
    };
    functions.into_iter().map(of).filter(|function| function.sizes.len() >= 4).collect()
}

/// Functions of every kind: bound by the CPU or not, short and long, steady and not.
fn synthetic() -> Vec<Function> {
    let mut functions = Vec::new();
    for (base, work) in [(5.0, 20.0), (100.0, 20.0), (2.0, 500.0), (300.0, 1000.0), (20.0, 8000.0)] {
        for p99 in [1.05, 1.15, 1.5, 2.5] {
            for parallel in [false, true] {
                let sizes = [128, 256, 512, 1024, 1536, 2048, 3008].map(|memory| {
                    let share = f64::from(memory) / 1769.0;
                    let mean = base + work / if parallel { share } else { share.min(1.0) };
                    Size::modelled(memory, mean, mean * p99, 150.0)
                });
                let name = format!("{base} ms + {work} ms of CPU, p99 {p99}, parallel {parallel}");
                functions.push(Function::new(name, sizes.into()));
            }
        }
    }
    functions
}

/// The means over all repetitions of a method.
#[derive(Default)]
struct Summary {
    runs: f64,
    money: f64,
    regret: f64,
    within_5_percent: f64,
    certain: f64,
    certain_but_wrong: f64,
    covered: (f64, f64),
}

impl Summary {
    fn add(&mut self, run: Run) {
        self.runs += 1.0;
        self.money += run.money;
        self.regret += run.regret;
        self.within_5_percent += f64::from(u8::from(run.regret <= 0.05));
        self.certain += f64::from(u8::from(run.certain));
        self.certain_but_wrong += f64::from(u8::from(run.certain && run.regret > TOLERANCE));
        if let Some(covered) = run.covered {
            self.covered = (self.covered.0 + covered, self.covered.1 + 1.0);
        }
    }

    /// Returns the mean money and the mean regret.
    fn point(&self) -> (f64, f64) {
        (self.money / self.runs, self.regret / self.runs)
    }

    fn show(&self, name: &str, in_series: &[(f64, f64)]) {
        let percent = |value: f64| 100.0 * value / self.runs;
        let covered = match self.covered {
            (_, 0.0) => String::new(),
            (covered, count) => format!("{:.1}", 100.0 * covered / count),
        };
        let share = match name.starts_with("race") {
            true => {
                at_equal_money(in_series, self.point()).map_or(String::new(), |share| format!("{share:.0}"))
            }
            false => String::new(),
        };
        println!(
            "{name:<34} {:>7.3} {:>9.2} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>9}",
            self.money / self.runs,
            percent(self.regret),
            share,
            percent(self.within_5_percent),
            percent(self.certain),
            percent(self.certain_but_wrong),
            covered
        );
    }
}

/// Returns the regret in percent of that of AWS Lambda Power Tuning for the same money, whose regret between two num is
/// that on a line between their logarithms of money. `None` if none is as cheap, or the best of these is better.
fn at_equal_money(in_series: &[(f64, f64)], (money, regret): (f64, f64)) -> Option<f64> {
    let pair = in_series.windows(2).find(|pair| pair[0].0 <= money && money <= pair[1].0)?;
    let share = (money / pair[0].0).ln() / (pair[1].0 / pair[0].0).ln();
    let theirs = pair[0].1 + share * (pair[1].1 - pair[0].1);
    (regret >= 0.0).then_some(100.0 * regret / theirs)
}

/// A method, and what it did.
struct Method {
    name: String,
    summary: Summary,
}

impl Method {
    fn new(name: String) -> Method {
        Method { name, summary: Summary::default() }
    }
}

/// Lets all methods decide about the functions, prints what that took, and returns it.
fn report(title: &str, functions: &[&Function], all: &[Options]) -> Vec<Method> {
    println!("\n{title}: {} functions, {} repetitions of each", functions.len(), repetitions());
    println!(
        "{:<34} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "money", "regret %", "of series", "<= 5 %", "certain %", "wrong %", "covered %"
    );
    let nums = [3, 5, 10, 20, 50, 100];
    let in_series_of = |num| Method::new(format!("in series, num = {num}"));
    let race_of = |options: &Options| {
        let Options { wave, max_per_size, refine } = options;
        Method::new(format!("race, waves of {wave}, max {max_per_size}, refine {refine}"))
    };
    let mut methods: Vec<Method> = nums.iter().map(in_series_of).chain(all.iter().map(race_of)).collect();
    for (number, function) in functions.iter().enumerate() {
        let costs: Vec<f64> = function.sizes.iter().map(Size::cost).collect();
        let best = function.tested.iter().map(|at| costs[*at]).fold(f64::INFINITY, f64::min);
        for repetition in 0..repetitions() {
            let seed = hash(number as u64 ^ hash(repetition ^ hash(function.name.len() as u64)));
            let (usual, ..) = in_series(function, 50, seed, &costs);
            let in_series = nums.iter().map(|num| {
                let (money, pick, covered) = in_series(function, *num, seed, &costs);
                (Run { money, regret: 0.0, certain: false, covered: Some(covered) }, pick)
            });
            let races = all.iter().map(|options| race(function, options, seed, &costs));
            for (method, (run, pick)) in methods.iter_mut().zip(in_series.chain(races)) {
                method.summary.add(Run { money: run.money / usual, regret: costs[pick] / best - 1.0, ..run });
            }
        }
    }
    let in_series: Vec<(f64, f64)> =
        methods[..nums.len()].iter().map(|method| method.summary.point()).collect();
    methods.iter().for_each(|method| method.summary.show(&method.name, &in_series));
    methods
}

/// Draws regret against money, both in percent of what num = 50 costs and of the best size's cost.
fn plot(reports: &[(String, Vec<Method>)]) -> String {
    const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
    let x = |money: f64| 60.0 + 540.0 * (money / 0.05).ln() / 40_f64.ln();
    let y = |regret: f64| 330.0 - 300.0 * (100.0 * regret).clamp(0.0, 4.0) / 4.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 480\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"640\" height=\"480\" fill=\"white\"/>\n<path d=\"M60 30V330H600\" fill=\"none\" stroke=\"black\"/>\n",
    );
    let mut text = |x: f64, y: f64, anchor: &str, colour: &str, words: &str| {
        svg += &format!(
            "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>\n"
        );
    };
    for money in [0.05, 0.1, 0.2, 0.5, 1.0, 2.0] {
        text(x(money), 347.0, "middle", "black", &money.to_string());
    }
    for regret in [0.0, 1.0, 2.0, 3.0, 4.0] {
        text(52.0, y(regret / 100.0) + 4.0, "end", "black", &format!("{regret} %"));
    }
    text(330.0, 367.0, "middle", "black", "money, relative to 50 invocations of each size in series");
    text(60.0, 18.0, "start", "black", "mean regret: line, in series (num = 3 to 100); dots, the race");
    for ((title, _), (at, colour)) in reports.iter().zip(COLOURS.iter().enumerate()) {
        text(60.0, 392.0 + 18.0 * at as f64, "start", colour, title);
    }
    for ((_, methods), colour) in reports.iter().zip(COLOURS) {
        let place = |method: &Method| {
            let (money, regret) = method.summary.point();
            (x(money), y(regret))
        };
        let (races, in_series): (Vec<&Method>, Vec<&Method>) =
            methods.iter().partition(|method| method.name.starts_with("race"));
        let line: Vec<String> =
            in_series.into_iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        svg += &format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>\n", line.join(" "));
        for (x, y) in races.into_iter().map(place) {
            svg += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n");
        }
    }
    svg + "</svg>\n"
}

fn main() {
    let race = |wave, max_per_size, refine| Options { wave, max_per_size, refine };
    let all = [race(3, 9, 0), race(3, 20, 0), race(4, 20, 0), race(6, 20, 0), race(6, 50, 0), race(9, 50, 0)];
    let mut reports = Vec::new();
    for (name, functions) in [("cebert", cebert()), ("unfaasener", unfaasener()), ("synthetic", synthetic())]
    {
        for (half, parity) in [("even half, with which parameters were chosen", 0), ("odd half", 1)] {
            let functions: Vec<&Function> = functions.iter().skip(parity).step_by(2).collect();
            if !functions.is_empty() {
                let title = format!("{name}, {half}");
                let methods = report(&title, &functions, &all);
                if parity == 1 {
                    reports.push((title, methods));
                }
            }
        }
    }
    if let Some(function) = recorded() {
        let refined = [(20, 0), (20, 1), (20, 2), (20, 3), (20, 4), (9, 3), (9, 4), (6, 3)]
            .map(|(most, refine)| race(3, most, refine));
        let title =
            "UBC, sizes near 128, 256, 512, 1024 and 1536 MB, regret against the best of these".to_owned();
        let methods = report(&title, &[&function], &refined);
        reports.push((title, methods));
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("decisions.svg");
    std::fs::write(&file, plot(&reports)).expect("the target folder can be written");
    println!("\nregret against money: {}", file.display());
}
