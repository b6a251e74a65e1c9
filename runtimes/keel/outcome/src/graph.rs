//! A graph of objects as one value: the digest of what is reached from its root, breadth first.

use std::collections::VecDeque;

use crate::digest::Digest;
use crate::engine::Value;

/// Objects that are looked into, of one graph.
const MOST_NODES: usize = 100;
/// Elements of an array that are looked at.
pub const MOST_ELEMENTS: u32 = 20;

/// What a reference refers to, with the values in it.
pub enum Node<R> {
    /// No object.
    Leaf(Value),
    /// A structure, and its fields.
    Struct(Vec<R>),
    /// An array, its length, and its first [`MOST_ELEMENTS`] elements.
    Array(u32, Vec<R>),
    /// An exception, and its values.
    Exception(Vec<R>),
}

/// The value that stands for a root and all below it; `open` looks into one reference.
pub fn graph<R>(root: R, mut open: impl FnMut(R) -> Node<R>) -> Value {
    let mut digest = Digest::default();
    let mut objects = 0;
    let mut next = VecDeque::from([root]);
    let mut first = true;
    while let Some(reference) = next.pop_front() {
        let (kind, length, within) = match open(reference) {
            Node::Leaf(value) if first => return value,
            Node::Leaf(value) => {
                digest.bytes(value.to_string().as_bytes());
                continue;
            }
            Node::Struct(fields) => (1, fields.len() as u32, fields),
            Node::Array(length, elements) => (2, length, elements),
            Node::Exception(values) => (3, values.len() as u32, values),
        };
        first = false;
        digest.word(kind);
        digest.word(length.into());
        objects += 1;
        if objects <= MOST_NODES {
            next.extend(within);
        }
    }
    Value::Graph(digest.value())
}
