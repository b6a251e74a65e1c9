//! Chooses nodes and submits tasks for them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::slurm::{self, NodeState, SlurmError, Submission};
use super::state::{Fleet, Folder, StateError, Task};

/// The nodes of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every node that accepts jobs.
    All,
    /// That number of nodes.
    Count(usize),
    /// The named nodes.
    Named(Vec<String>),
}

impl std::str::FromStr for Wanted {
    type Err = String;

    /// Parses a number, or names separated by commas; `node[01-03]` stands for three names.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(count) = text.parse::<usize>() {
            return match count {
                0 => Err("give at least one node".to_owned()),
                count => Ok(Wanted::Count(count)),
            };
        }
        let names = expand(text)?;
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        match sorted.len() == names.len() {
            true => Ok(Wanted::Named(names)),
            false => Err(format!("{text} names a node twice")),
        }
    }
}

/// Expands names separated by commas, each with at most one `[01-03,07]`.
fn expand(text: &str) -> Result<Vec<String>, String> {
    let wrong =
        || format!("{text:?} is neither a number of nodes nor names such as n1,n2 or n[1-3]");
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find([',', '[']).unwrap_or(rest.len());
        let (prefix, tail) = rest.split_at(end);
        if let Some(inside) = tail.strip_prefix('[') {
            let (numbers, tail) = inside.split_once(']').ok_or_else(wrong)?;
            let (suffix, tail) = tail.split_at(tail.find(',').unwrap_or(tail.len()));
            for number in numbers.split(',') {
                let (from, to) = number.split_once('-').unwrap_or((number, number));
                let range = from.parse::<u32>().ok().zip(to.parse::<u32>().ok());
                let (first, last) = range
                    .filter(|(a, b)| a <= b && b - a < 10_000)
                    .ok_or_else(wrong)?;
                let width = from.len();
                names.extend((first..=last).map(|n| format!("{prefix}{n:0width$}{suffix}")));
            }
            rest = tail.strip_prefix(',').unwrap_or(tail);
        } else {
            names.push(prefix.to_owned());
            rest = tail.strip_prefix(',').unwrap_or(tail);
        }
    }
    // Names become folders and arguments of Slurm's commands.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let sound = |name: &String| {
        !name.is_empty() && name.chars().all(plain) && !name.starts_with(['-', '.'])
    };
    match !names.is_empty() && names.iter().all(sound) {
        true => Ok(names),
        false => Err(wrong()),
    }
}

/// Chooses the nodes for `wanted` from those `known` in `partition`.
///
/// # Errors
/// [`SlurmError`] if there are too few, or a named one is missing or accepts no jobs.
pub fn choose(
    wanted: &Wanted,
    known: &[NodeState],
    partition: Option<&str>,
) -> Result<Vec<String>, SlurmError> {
    let place = partition.map_or_else(
        || "this cluster".to_owned(),
        |name| format!("partition {name}"),
    );
    let usable: Vec<&NodeState> = known.iter().filter(|node| node.takes_jobs()).collect();
    let count = match wanted {
        Wanted::Named(names) => {
            for name in names {
                let node = known.iter().find(|node| node.name == *name);
                let node = node.ok_or_else(|| SlurmError::Node {
                    node: name.clone(),
                    partition: place.clone(),
                    known: known.iter().map(|node| node.name.clone()).collect(),
                })?;
                if !node.takes_jobs() {
                    return Err(SlurmError::Unusable {
                        node: name.clone(),
                        state: node.state.clone(),
                        reason: node
                            .reason
                            .as_ref()
                            .map_or_else(String::new, |why| format!(": {why}")),
                    });
                }
            }
            return Ok(names.clone());
        }
        Wanted::Count(count) => *count,
        Wanted::All => usable.len().max(1),
    };
    if usable.len() < count {
        let states = known
            .iter()
            .map(|node| format!("{} is {}", node.name, node.describe()));
        return Err(SlurmError::TooFew {
            partition: place,
            usable: usable.len(),
            asked: count,
            states: states.collect::<Vec<_>>().join(", "),
        });
    }
    Ok(usable[..count]
        .iter()
        .map(|node| node.name.clone())
        .collect())
}

/// Writes the files that tasks start with: the script, and a copy of this `bench`, which later builds in the
/// checkout do not change.
/// checkout meanwhile changes nothing.
///
/// # Errors
/// [`StateError::Io`].
pub fn equip(folder: &Folder) -> Result<(), StateError> {
    let at = |path: &Path, source| StateError::Io {
        path: path.to_owned(),
        source,
    };
    let own = std::env::current_exe().map_err(|source| at(Path::new("bench"), source))?;
    fs::copy(&own, folder.bench()).map_err(|source| at(&folder.bench(), source))?;
    let script = folder.path().join("task.sh");
    let text = format!(
        "#!/bin/sh\n# A task of the fleet in this folder. `bench fleet run` wrote it.\nexec {bench} fleet work {folder}\n",
        bench = quoted(&folder.bench()),
        folder = quoted(folder.path()),
    );
    fs::write(&script, text).map_err(|source| at(&script, source))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .map_err(|source| at(&script, source))
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Submits one more task for each node at `places`, and records it.
///
/// # Errors
/// [`SlurmError`] as the cause; nothing is recorded then.
pub fn submit(folder: &Folder, fleet: &mut Fleet, places: &[usize]) -> anyhow::Result<()> {
    let tasks: Vec<(u32, &str)> = places
        .iter()
        .map(|&place| (place as u32, fleet.nodes[place].name.as_str()))
        .collect();
    for (_, name) in &tasks {
        let node = folder.node(name);
        fs::create_dir_all(&node).map_err(|source| StateError::Io {
            path: node.clone(),
            source,
        })?;
        match fs::remove_file(node.join("end.json")) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::Io { path: node, source }.into());
            }
            _ => {}
        }
    }
    let job = slurm::submit(&Submission {
        name: &fleet.id,
        partition: fleet.partition.as_deref(),
        minutes: fleet.minutes,
        tasks: &tasks,
        script: &folder.path().join("task.sh"),
        folder: folder.path(),
    })?;
    for &place in places {
        fleet.nodes[place].tasks.push(Task {
            job,
            index: place as u32,
        });
    }
    if let Err(error) = folder.write(fleet) {
        slurm::cancel(job);
        return Err(error.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, state: &str) -> NodeState {
        NodeState {
            name: name.to_owned(),
            state: state.to_owned(),
            reason: None,
        }
    }

    #[test]
    fn nodes_are_a_number_or_names() {
        let named = |names: &[&str]| {
            Ok(Wanted::Named(
                names.iter().map(|name| (*name).to_owned()).collect(),
            ))
        };
        assert_eq!("3".parse(), Ok(Wanted::Count(3)));
        assert_eq!("n1,n2".parse(), named(&["n1", "n2"]));
        assert_eq!(
            "n[08-10,12]x,m".parse(),
            named(&["n08x", "n09x", "n10x", "n12x", "m"])
        );
        for wrong in [
            "0",
            "",
            "n[1-",
            "n[3-1]",
            "a/b",
            "../x",
            "-w",
            "n1,n1",
            "n[1-99999999]",
            "n[a-b]",
        ] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_nodes_that_take_jobs_are_chosen() {
        let known = [
            node("a", "down"),
            node("b", "idle"),
            node("c", "allocated"),
            node("d", "drained"),
        ];
        let chosen = |wanted: &str| choose(&wanted.parse().unwrap(), &known, Some("p"));
        assert_eq!(chosen("2").unwrap(), ["b", "c"]);
        assert_eq!(choose(&Wanted::All, &known, None).unwrap(), ["b", "c"]);
        let said = |wanted| chosen(wanted).unwrap_err().to_string();
        assert!(said("3").contains("a is down, b is idle"), "{}", said("3"));
        assert!(said("a,b").contains("state=resume"));
        assert!(said("z").contains("it has: a, b, c, d"));
        assert!(choose(&Wanted::All, &known[..1], None).is_err());
    }
}
