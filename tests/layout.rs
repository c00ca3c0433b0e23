//! src/lib.rs and each mod.rs list their modules from the top down: a module uses only those that are listed below it,
//! so no circle is possible. Besides, no tool uses another, lpt-local and the tools know nothing of each other, and the
//! modules below ndjson know no SDK. Only run::own, which proves what a run made, deletes versions and aliases.

use std::fs;
use std::path::Path;

type ModulePath = Vec<String>;

/// Returns the modules that the file lists, in its order.
fn listed(file: &Path) -> Vec<String> {
    let code = fs::read_to_string(file).unwrap();
    let modules = code.lines().filter_map(|line| {
        let (before, rest) = line.split_once("mod ")?;
        let name = rest.split_once(';')?.0;
        (before.is_empty() || before.starts_with("pub")).then(|| name.to_owned())
    });
    modules.filter(|module| module != "tests").collect()
}

/// Adds the paths that `text` begins with, such as `a::{b, c::D}`, below `base`. A `super` in front leaves one module.
fn add_paths(base: &[String], text: &str, paths: &mut Vec<ModulePath>) {
    let text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (at, c) in list.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth < 0 || depth == 0 && c == ',' {
                add_paths(base, &list[start..at], paths);
                start = at + 1;
            }
            if depth < 0 {
                return;
            }
        }
    }
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    let base = match &text[..end] {
        "super" => base[..base.len().saturating_sub(1)].to_vec(),
        "self" | "" => base.to_vec(),
        name => [base, &[name.to_owned()]].concat(),
    };
    match text[end..].strip_prefix("::") {
        Some(rest) => add_paths(&base, rest, paths),
        None => paths.push(base),
    }
}

/// Returns the paths that the code of `module` uses, from the root of the crate.
fn used(code: &str, module: &[String]) -> Vec<ModulePath> {
    let mut paths = Vec::new();
    for rest in code.split("crate::").skip(1) {
        add_paths(&[], rest, &mut paths);
    }
    let is_first = |before: &str| !before.ends_with("super::");
    for (at, _) in code.match_indices("super::").filter(|(at, _)| is_first(&code[..*at])) {
        add_paths(module, &code[at..], &mut paths);
    }
    paths
}

/// Returns the module of a folder that `name` is re-exported from, if it is.
fn origin(mod_rs: &str, name: &str) -> Option<String> {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut exports = mod_rs.split("use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let export = exports.find(|export| {
        !export.contains("crate::") && export.split(|c| !is_word(c)).any(|word| word == name)
    })?;
    Some(export.trim_start_matches("self::").split("::").next().unwrap().to_owned())
}

/// Returns what the use of `path` by `module` breaks, if it breaks a rule.
fn violation(source: &Path, module: &[String], path: &[String]) -> Option<&'static str> {
    let shared = module.iter().zip(path).take_while(|(a, b)| a == b).count();
    let folder = source.join(module[..shared].join("/"));
    let order = listed(&folder.join(if shared == 0 { "lib.rs" } else { "mod.rs" }));
    let rank = |of: &[String]| order.iter().position(|name| Some(name) == of.get(shared));
    let (from, to) = (rank(module)?, rank(path)?);
    let is = |of: &[String], name: &str| of.first().is_some_and(|first| first == name);
    if from > to {
        Some("which is above it")
    } else if module[..shared] == ["tools"] {
        Some("which is another tool")
    } else if shared == 0 && (is(path, "local") || is(module, "local") && is(path, "records")) {
        Some("across the border of lpt-local")
    } else {
        None
    }
}

/// Checks the modules in the folder of the module `of`.
fn check(source: &Path, of: &[String], violations: &mut Vec<String>) {
    let folder = source.join(of.join("/"));
    for name in listed(&folder.join(if of.is_empty() { "lib.rs" } else { "mod.rs" })) {
        let module = [of, std::slice::from_ref(&name)].concat();
        let mut file = folder.join(format!("{name}.rs"));
        if !file.exists() {
            check(source, &module, violations);
            file = folder.join(&name).join("mod.rs");
        }
        let code = fs::read_to_string(file).unwrap();
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for mut path in used(&code, &module) {
            if let [above @ .., name] = &path[..]
                && let Ok(mod_rs) = fs::read_to_string(source.join(above.join("/")).join("mod.rs"))
                && let Some(origin) = origin(&mod_rs, name)
            {
                path.insert(path.len() - 1, origin);
            }
            if let Some(rule) = violation(source, &module, &path) {
                violations.push(format!("{} uses {}, {rule}", module.join("::"), path.join("::")));
            }
        }
        let order = listed(&source.join("lib.rs"));
        let rank = |name: &str| order.iter().position(|listed| listed == name);
        if rank(&module[0]) > rank("ndjson")
            && ["aws_sdk", "aws_config", "aws_smithy"].iter().any(|sdk| code.contains(sdk))
        {
            violations.push(format!("{} uses the SDK", module.join("::")));
        }
        let may_delete = matches!(&*module[0], "aws" | "local") || module == ["run", "own"];
        if !may_delete && [".delete_version(", ".delete_alias("].iter().any(|call| code.contains(call)) {
            violations
                .push(format!("{} deletes what run::own has not proven to be a run's", module.join("::")));
        }
    }
}

#[test]
fn each_module_uses_only_modules_that_are_listed_below_it() {
    let mut violations = Vec::new();
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut violations);
    assert_eq!(violations, Vec::<String>::new());
}

/// `make fuzz` takes its lock file as it is.
#[test]
fn the_parsers_are_fuzzed_with_the_same_dependencies() {
    let read = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    // Where there are several versions of a crate, the version follows its name.
    let locked = |file: &str| -> Vec<String> {
        let lock = read(file);
        let own = lock.split("[[package]]").find(|package| package.contains("\nname = \"lpt\"\n")).unwrap();
        let list = own.split_once("dependencies = [").unwrap().1.split(']').next().unwrap();
        let quoted = list.split('"').skip(1).step_by(2);
        quoted.map(|name| name.split(' ').next().unwrap().to_owned()).collect()
    };
    let manifest = read("Cargo.toml");
    let of_tests = manifest.split_once("[dev-dependencies]").unwrap().1.split("\n[").next().unwrap();
    let fuzzed = locked("fuzz/Cargo.lock");
    let mut all = locked("Cargo.lock");
    assert!(all.len() > 20, "{all:?}");
    all.retain(|name| !fuzzed.contains(name) && !of_tests.contains(&format!("\n{name} = ")));
    assert!(all.is_empty(), "cargo metadata in fuzz adds {all:?} to its lock file");
}

#[test]
fn paths_are_found_however_they_are_written() {
    let module: ModulePath = ["tools", "invoke", "measure"].map(str::to_owned).to_vec();
    let found = |code: &str| {
        let paths = used(code, &module);
        paths.into_iter().map(|path| path.join("::")).filter(|path| !path.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(found("use super::super::analyze::Args;"), ["tools::analyze::Args"]);
    assert_eq!(found("use super::{resume, Options};"), ["tools::invoke::resume", "tools::invoke::Options"]);
    assert_eq!(found("use crate::tools::{analyze::Args};"), ["tools::analyze::Args"]);
    let nested = found("use crate::{units::{MemoryMB, Millis}, entry::Pipe};\nuse std::fmt;");
    assert_eq!(nested, ["units::MemoryMB", "units::Millis", "entry::Pipe"]);
    assert_eq!(found("fn f() -> crate::aws::Lambda { x }"), ["aws::Lambda"]);
}
