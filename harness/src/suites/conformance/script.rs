//! A script of tests, as it is given to an engine.

use plimsoll_record::WorkloadId;
use serde::Deserialize;

/// One script of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFile {
    /// Its file name, with the folders below its group's.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// What in it no engine is asked any more.
    pub superseded: Vec<Superseded>,
}

/// Directives that every later version of the specification contradicts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// The group.
    pub group: WorkloadId,
    /// The script.
    pub script: String,
    /// Their lines, from 1.
    pub lines: Vec<u32>,
    /// What came instead.
    pub why: String,
}
