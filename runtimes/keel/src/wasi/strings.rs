//! Arguments and environment, in the guest's layout.

/// NUL-terminated strings, concatenated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    joined: Vec<u8>,
    count: u32,
}

impl Strings {
    /// Adds a string made of `parts`. The builder has checked that it has no NUL.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.joined.extend_from_slice(part);
        }
        self.joined.push(0);
        self.count += 1;
    }

    /// The number of strings.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// All strings, with their NULs.
    pub(crate) fn joined(&self) -> &[u8] {
        &self.joined
    }
}
