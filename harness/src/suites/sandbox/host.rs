//! Things that guests try to access: a file, a place for one, a variable, a port. They exist for one trial.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use plimsoll_record::run::TargetKind;

/// The variable in the environment of the processes.
pub const VARIABLE: &str = "PLIMSOLL_PROBE";
/// The file that a guest in a container creates; its file system is otherwise empty.
const IN_A_CONTAINER: &str = "/plimsoll-probe";

/// Resources of the host that no guest is granted.
#[derive(Debug)]
pub struct Host {
    file: PathBuf,
    new: PathBuf,
    listener: TcpListener,
}

impl Host {
    /// Creates them in `scratch`, and listens on all interfaces: a container in its own network reaches the
    /// host by another address than loopback.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(scratch: &Path) -> io::Result<Self> {
        let file = scratch.join("not-granted.txt");
        fs::write(&file, "not granted\n")?;
        Ok(Host {
            file,
            new: scratch.join("created-by-a-guest"),
            listener: TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        })
    }

    /// Fills the placeholders in `args`.
    ///
    /// # Errors
    /// If the port cannot be determined.
    pub fn filled(&self, args: &[String], kind: TargetKind) -> io::Result<Vec<String>> {
        let port = self.listener.local_addr()?.port();
        let new = match kind {
            TargetKind::Container => IN_A_CONTAINER.to_owned(),
            TargetKind::Native | TargetKind::Wasm => self.new.display().to_string(),
        };
        let words = [
            ("{file}", self.file.display().to_string()),
            ("{new}", new),
            ("{variable}", VARIABLE.to_owned()),
            ("{port}", port.to_string()),
        ];
        let filled = |arg: &String| {
            let stands = words.iter().find(|(word, _)| word == arg);
            stands.map_or_else(|| arg.clone(), |(_, meant)| meant.clone())
        };
        Ok(args.iter().map(filled).collect())
    }

    /// Whether a guest created the file here, on the host.
    pub fn was_written(&self) -> bool {
        self.new.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_told_of_what_is_really_there() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path()).unwrap();
        let args = ["{file}", "{new}", "{variable}", "{port}", "64"].map(str::to_owned);
        let filled = host.filled(&args, TargetKind::Wasm).unwrap();
        assert_eq!(fs::read(&filled[0]).unwrap(), b"not granted\n");
        assert_eq!((filled[2].as_str(), filled[4].as_str()), (VARIABLE, "64"));
        std::net::TcpStream::connect(("127.0.0.1", filled[3].parse().unwrap())).unwrap();
        assert!(!host.was_written());
        fs::write(&filled[1], "").unwrap();
        assert!(host.was_written());
        let filled = host.filled(&args, TargetKind::Container).unwrap();
        assert_eq!(filled[1], IN_A_CONTAINER);
    }
}
