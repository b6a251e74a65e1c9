//! The `.keel` artefact.

/// Why an artefact cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file is no artefact.
    #[error("not a keel artefact: {0}")]
    NotAnArtifact(String),
    /// The file is shorter than it says.
    #[error("truncated artefact: {0}")]
    Truncated(String),
    /// A checksum does not hold.
    #[error("damaged artefact: {0}; compile the module again")]
    Damaged(String),
    /// It was made by or for something else.
    #[error("artefact made for another {what}: it has {found}, but this is {expected}; compile the module again")]
    Mismatch {
        /// What differs.
        what: String,
        /// What the artefact says.
        found: String,
        /// What is needed here.
        expected: String,
    },
}
