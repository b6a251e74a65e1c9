//! The reports of synthetic runs. With `PLIMSOLL_REPORT_EXAMPLES` naming a directory, the
//! examples are written there to be looked at.

mod claims;
mod geometry;
mod machines;
mod marks;
mod page;
mod snapshots;
mod synthetic;
