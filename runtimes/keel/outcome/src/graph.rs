//! Reduces an object graph to one value: a digest of its nodes, breadth first.

use std::collections::VecDeque;

use crate::digest::Digest;
use crate::engine::Value;

/// Objects of one graph that enter the digest.
const MOST_NODES: usize = 100;
/// Elements of an array that enter the digest.
pub const MOST_ELEMENTS: u32 = 20;

/// The target of a reference, with the values in it.
pub enum Node<R> {
    /// A value that is not an object.
    Leaf(Value),
    /// A structure, and its fields.
    Struct(Vec<R>),
    /// An array, its length, and its first [`MOST_ELEMENTS`] elements.
    Array(u32, Vec<R>),
    /// An exception, and its values.
    Exception(Vec<R>),
}

/// The value of the graph below `root`. `open` resolves one reference.
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
