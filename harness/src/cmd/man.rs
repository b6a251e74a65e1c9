//! `bench man`: prints the manual page with all commands.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::Exit;

pub(super) fn run() -> anyhow::Result<Exit> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        let name = subcommand.get_name().to_uppercase();
        page.extend(format!(".SH \"BENCH {name}\"\n").bytes());
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    super::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Ok)
}
