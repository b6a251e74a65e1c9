//! The adapter on a real container engine. Without one, each test says loudly that it was skipped.

mod containers;
mod faults;
mod support;
