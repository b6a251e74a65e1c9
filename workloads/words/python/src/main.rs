//! RustPython with a script as its input, without a standard library of Python modules: what is
//! built in, and files. Its arguments are the script and the script's own.

use std::cell::Cell;
#[cfg(target_os = "wasi")]
use std::ffi::c_char;
use std::process::ExitCode;

use rustpython_vm::{Interpreter, Settings};

thread_local! {
    /// What a snapshot of the initialised module starts with; `None` without one.
    static READY: Cell<Option<Interpreter>> = const { Cell::new(None) };
}

/// Runs before a snapshot is taken: the interpreter, no script.
#[cfg(target_os = "wasi")]
#[unsafe(export_name = "wizer-initialize")]
extern "C" fn initialise() {
    READY.set(Some(interpreter()));
}

fn interpreter() -> Interpreter {
    let mut settings = Settings::default();
    settings.isolated = true;
    settings.import_site = false;
    settings.write_bytecode = false;
    settings.install_signal_handlers = false;
    // Every run has the same work to do.
    settings.hash_seed = Some(0);
    settings.allow_external_library = false;
    Interpreter::without_stdlib(settings)
}

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
    let code = READY.take().unwrap_or_else(interpreter).run(|vm| {
        let argv = argv
            .into_iter()
            .map(|arg| vm.ctx.new_str(arg).into())
            .collect();
        vm.sys_module.set_attr("argv", vm.ctx.new_list(argv), vm)?;
        let scope = vm.new_scope_with_builtins();
        vm.run_string(scope, &source, script.clone()).map(drop)
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// What Rust's library makes a path canonical by, which WASI's C library of Debian 12 does not have.
/// RustPython asks for that in `os.link` alone, and goes on without it.
#[cfg(target_os = "wasi")]
#[unsafe(no_mangle)]
extern "C" fn realpath(_: *const c_char, _: *mut c_char) -> *mut c_char {
    std::ptr::null_mut()
}
