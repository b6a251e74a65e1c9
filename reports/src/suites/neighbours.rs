//! What a neighbour costs a server.

pub(crate) mod sentences;
