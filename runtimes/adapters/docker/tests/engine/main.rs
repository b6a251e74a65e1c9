//! Tests with a real container engine. Without one, each test reports visibly that it was skipped.

mod containers;
mod faults;
mod support;
