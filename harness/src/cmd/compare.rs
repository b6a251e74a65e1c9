//! `bench compare`: one run held against another.

use plimsoll_record::Recorded;

use crate::cli::Compare;
use crate::exit::Exit;
use crate::ui::terminal;

pub(super) fn run(args: &Compare) -> anyhow::Result<Exit> {
    let base = Recorded::read(&args.base)?;
    let candidate = Recorded::read(&args.candidate)?;
    let comparison = plimsoll_analysis::compare(&base, &candidate);
    let text = match args.json {
        true => serde_json::to_string_pretty(&comparison)? + "\n",
        false => terminal::comparison(&comparison),
    };
    super::print(&text)?;
    Ok(Exit::Held)
}
