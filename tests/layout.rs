//! src/lib.rs and each mod.rs list their modules from the top down: a module uses only those that are listed below it,
//! so no circle is possible. In src/tools no module uses another at all.

use std::fs;
use std::path::Path;

/// Returns the modules that the file lists, in its order.
fn listed(file: &Path) -> Vec<String> {
    let code = fs::read_to_string(file).unwrap();
    let modules = code.lines().filter_map(|line| {
        line.split_once("mod ")
            .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
            .map(|(_, rest)| rest)
    });
    let modules = modules.filter_map(|line| Some(line.split_once(';')?.0.to_owned()));
    modules.filter(|module| module != "tests").collect()
}

/// Returns the paths that the code of `module` uses: `crate::a::b` as `[a, b]`, and `super::` likewise from where it is.
fn used(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let parent = &module[..module.len().saturating_sub(1)];
    let mut paths = Vec::new();
    for (start, base) in [("crate::", &[][..]), ("super::", parent)] {
        for rest in code.split(start).skip(1) {
            let (list, count) = match rest.strip_prefix('{') {
                Some(list) => (list.split('}').next().unwrap(), usize::MAX),
                None => (rest, 1),
            };
            for path in list.split(',').take(count) {
                let is_path = |c: char| c == ':' || c == '_' || c.is_alphanumeric();
                let path = path.trim().split(|c| !is_path(c)).next().unwrap();
                paths.push(base.iter().cloned().chain(path.split("::").map(str::to_owned)).collect());
            }
        }
    }
    paths
}

/// Returns the module of a folder that `name` is re-exported from, if it is.
fn origin(mod_rs: &str, name: &str) -> Option<String> {
    let mut exports = mod_rs.split("use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let export = exports.find(|export| {
        !export.contains("crate::")
            && export.split(|c| c != '_' && !char::is_alphanumeric(c)).any(|word| word == name)
    })?;
    Some(export.trim_start_matches("self::").split("::").next().unwrap().to_owned())
}

/// Checks the modules in `folder`, which is the module `of`, of the crate in `source`.
fn check(source: &Path, of: &[String], violations: &mut Vec<String>) {
    let folder = source.join(of.join("/"));
    for name in listed(&folder.join(if of.is_empty() { "lib.rs" } else { "mod.rs" })) {
        let module = [of, std::slice::from_ref(&name)].concat();
        let mut file = folder.join(format!("{name}.rs"));
        if !file.exists() {
            check(source, &module, violations);
            file = folder.join(name).join("mod.rs");
        }
        for mut path in used(&fs::read_to_string(file).unwrap(), &module) {
            if let [.., name] = &path[..]
                && !name.is_empty()
                && let Ok(mod_rs) =
                    fs::read_to_string(source.join(path[..path.len() - 1].join("/")).join("mod.rs"))
                && let Some(origin) = origin(&mod_rs, name)
            {
                path.insert(path.len() - 1, origin);
            }
            let shared = module.iter().zip(&path).take_while(|(a, b)| a == b).count();
            let (above, top) = (&module[..shared], source.join(module[..shared].join("/")));
            let order = listed(&top.join(if above.is_empty() { "lib.rs" } else { "mod.rs" }));
            let rank = |of: &[String]| order.iter().position(|name| Some(name) == of.get(shared));
            let (Some(from), Some(to)) = (rank(&module), rank(&path)) else { continue };
            if from > to || above == ["tools"] {
                violations.push(format!("{} uses {}", module.join("::"), path.join("::")));
            }
        }
    }
}

#[test]
fn each_module_uses_only_modules_that_are_listed_below_it() {
    let mut violations = Vec::new();
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut violations);
    assert_eq!(violations, Vec::<String>::new());
}
