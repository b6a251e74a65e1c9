//! The same visible effect as `hello`, from Rust: shows what its standard library adds to a start.

fn main() {
    println!("hello, world");
}
