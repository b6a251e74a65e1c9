//! A script of tests, as an engine gets it.

use plimsoll_record::WorkloadId;
use serde::Deserialize;

/// One script of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFile {
    /// File name, with the folders below its group's.
    pub name: String,
    /// The whole script.
    pub text: String,
    /// Directives that no engine is tested with any more.
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
    /// Line numbers, from 1.
    pub lines: Vec<u32>,
    /// The later rule.
    pub why: String,
}
