//! Tests reports of synthetic runs. If `PLIMSOLL_REPORT_EXAMPLES` names a directory, the examples are written there for
//! inspection.

mod claims;
mod geometry;
mod machines;
mod marks;
mod page;
mod snapshots;
mod synthetic;
