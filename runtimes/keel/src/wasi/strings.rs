//! Arguments and environment, laid out once the way a guest wants them.

/// NUL-terminated strings, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    joined: Vec<u8>,
    count: u32,
}

impl Strings {
    /// Adds one string, which the builder has checked to be without a NUL.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.joined.extend_from_slice(part);
        }
        self.joined.push(0);
        self.count += 1;
    }

    /// How many strings.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// All of them, with their NULs.
    pub(crate) fn joined(&self) -> &[u8] {
        &self.joined
    }
}
