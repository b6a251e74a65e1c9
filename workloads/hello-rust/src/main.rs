//! The same visible effect as `hello`, from Rust: what its standard library adds to a start.

fn main() {
    println!("hello, world");
}
