//! RustPython with a script as its input, without a standard library of Python modules: what is
//! built in, and files. Its arguments are the script and the script's own.

use std::process::ExitCode;

use rustpython_vm::{Interpreter, Settings};

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let Some(script) = argv.first().cloned() else {
        eprintln!("no script is named");
        return ExitCode::FAILURE;
    };
    let source = match std::fs::read_to_string(&script) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{script}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut settings = Settings::default();
    settings.argv = argv;
    settings.isolated = true;
    settings.import_site = false;
    settings.write_bytecode = false;
    settings.install_signal_handlers = false;
    settings.allow_external_library = false;
    let code = Interpreter::without_stdlib(settings).run(|vm| {
        let scope = vm.new_scope_with_builtins();
        vm.run_string(scope, &source, script.clone()).map(drop)
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
