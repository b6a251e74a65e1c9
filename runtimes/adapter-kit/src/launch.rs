//! A launch as it is started, and what it takes along: a name of its own where it makes a container,
//! and a copy of its artefact at boundary L6.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::owner::Owner;
use crate::protocol::Launch;

/// How many names this process has given.
static GIVEN: AtomicU32 = AtomicU32::new(0);

impl Launch {
    /// This launch as it is to be started now: where it makes a container, with a name for it that
    /// no other start has, in place of the word that stands for one.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn named(&self) -> io::Result<Cow<'_, Launch>> {
        let Some(container) = &self.container else {
            return Ok(Cow::Borrowed(self));
        };
        let sequence = GIVEN.fetch_add(1, Ordering::Relaxed);
        let name = Owner::this_process()?.name(sequence);
        let mut launch = self.clone();
        replace(&mut launch.args, &container.name, &name);
        if let Some(named) = &mut launch.container {
            replace(&mut named.remove, &container.name, &name);
            named.name = name;
        }
        Ok(Cow::Owned(launch))
    }

    /// This launch with its artefact, be it the program or an argument, replaced by `copy`.
    pub fn relocated(&self, copy: &Path) -> Launch {
        let mut launch = self.clone();
        let artefact = &self.artefact;
        if launch.program == *artefact {
            launch.program = copy.to_owned();
        }
        for arg in &mut launch.args {
            if Path::new(arg) == artefact {
                *arg = copy.to_string_lossy().into_owned();
            }
        }
        launch.artefact = copy.to_owned();
        launch
    }
}

fn replace(args: &mut [String], word: &str, by: &str) {
    for arg in args.iter_mut().filter(|arg| *arg == word) {
        by.clone_into(arg);
    }
}

/// Copies a folder of files and folders; `to` must not exist.
///
/// # Errors
///
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        // What a link points to, not the link: a copy holds all that it needs.
        match fs::metadata(entry.path())?.is_dir() {
            true => copy_folder(&entry.path(), &to)?,
            false => fs::copy(entry.path(), &to).map(drop)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::protocol::Container;

    fn launch(container: Option<Container>) -> Launch {
        Launch {
            program: "/usr/bin/maker".into(),
            args: ["run", "--bundle", "/bundle", "{name}"]
                .map(str::to_owned)
                .into(),
            env: BTreeMap::new(),
            directory: "/".into(),
            artefact: "/bundle".into(),
            container,
        }
    }

    #[test]
    fn a_plain_launch_is_started_as_it_is() -> io::Result<()> {
        let plain = launch(None);
        assert_eq!(*plain.named()?, plain);
        Ok(())
    }

    #[test]
    fn every_start_of_a_container_has_a_name_of_its_own_in_all_places() -> io::Result<()> {
        let launch = launch(Some(Container {
            name: "{name}".to_owned(),
            remove: ["delete", "{name}"].map(str::to_owned).into(),
            guest: None,
        }));
        let (one, two) = (launch.named()?, launch.named()?);
        assert_ne!(one.args[3], two.args[3]);
        assert!(Owner::of_name(&one.args[3]).is_some(), "{one:?}");
        let container = one.container.as_ref().expect("it makes one");
        assert_eq!(container.remove, ["delete", one.args[3].as_str()]);
        assert_eq!(container.name, one.args[3]);
        Ok(())
    }

    #[test]
    fn a_folder_is_copied_with_all_that_is_in_it() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("deep/deeper"))?;
        fs::write(from.join("deep/file"), "content")?;
        let to = folder.path().join("to");
        copy_folder(&from, &to)?;
        assert_eq!(fs::read_to_string(to.join("deep/file"))?, "content");
        assert!(to.join("deep/deeper").is_dir());
        Ok(())
    }
}
