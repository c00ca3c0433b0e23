//! The account as it is seen from outside: what a run could change.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::LastUpdateStatus;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub functions: BTreeMap<String, Function>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// By number; `$LATEST` is one of them.
    pub versions: BTreeMap<String, Version>,
    /// By name.
    pub aliases: BTreeMap<String, Alias>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub memory: i32,
    pub description: String,
    pub code_sha256: String,
    pub timeout: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub version: String,
    pub description: String,
}

impl Account {
    /// Returns the memory of a function's `$LATEST`.
    pub fn memory_of(&self, function: &str) -> i32 {
        self.functions[function].latest().memory
    }

    /// Returns the same account, in which a function's `$LATEST` has this memory.
    pub fn with_memory(mut self, function: &str, memory: i32) -> Account {
        self.functions.get_mut(function).unwrap().latest_mut().memory = memory;
        self
    }
}

impl Function {
    pub fn latest(&self) -> &Version {
        &self.versions["$LATEST"]
    }

    pub fn latest_mut(&mut self) -> &mut Version {
        self.versions.get_mut("$LATEST").unwrap()
    }

    pub fn version_numbers(&self) -> Vec<&str> {
        self.versions.keys().map(String::as_str).collect()
    }

    /// Returns the aliases, each with the version that it points at.
    pub fn pointers(&self) -> Vec<(&str, &str)> {
        self.aliases.iter().map(|(name, alias)| (name.as_str(), alias.version.as_str())).collect()
    }

    /// Returns the versions that are new or have changed since `before`.
    pub fn versions_since(&self, before: &Function) -> BTreeMap<&str, &Version> {
        let is_new = |number: &str, version: &Version| before.versions.get(number) != Some(version);
        let versions = self.versions.iter().map(|(number, version)| (number.as_str(), version));
        versions.filter(|(number, version)| is_new(number, version)).collect()
    }
}

/// Reads all functions of the client's account and region.
pub async fn read(client: &Client) -> Account {
    let listed = client.list_functions().send().await.unwrap();
    assert!(listed.next_marker().is_none(), "tests have few functions");
    let mut functions = BTreeMap::new();
    for function in listed.functions() {
        let name = function.function_name().unwrap();
        functions.insert(name.to_owned(), read_function(client, name).await);
    }
    Account { functions }
}

pub async fn read_function(client: &Client, name: &str) -> Function {
    let mut versions = BTreeMap::new();
    let mut pages = client.list_versions_by_function().function_name(name).into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let version = page.unwrap();
        let number = version.version().unwrap().to_owned();
        let version = Version {
            memory: version.memory_size().unwrap(),
            description: version.description().unwrap_or_default().to_owned(),
            code_sha256: version.code_sha256().unwrap().to_owned(),
            timeout: version.timeout().unwrap(),
        };
        versions.insert(number, version);
    }
    let mut aliases = BTreeMap::new();
    let mut pages = client.list_aliases().function_name(name).into_paginator().items().send();
    while let Some(page) = pages.next().await {
        let alias = page.unwrap();
        let name = alias.name().unwrap().to_owned();
        let alias = Alias {
            version: alias.function_version().unwrap().to_owned(),
            description: alias.description().unwrap_or_default().to_owned(),
        };
        aliases.insert(name, alias);
    }
    Function { versions, aliases }
}

/// Gives `$LATEST` a description, and waits until that has taken effect.
pub async fn describe(client: &Client, name: &str, description: &str) {
    let update = client.update_function_configuration().function_name(name).description(description);
    update.send().await.unwrap();
    let is_updating = || async {
        let latest = client.get_function_configuration().function_name(name).send().await.unwrap();
        latest.last_update_status() != Some(&LastUpdateStatus::Successful)
    };
    while is_updating().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
