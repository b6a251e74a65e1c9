//! QuickJS with a script as its input: `print` and `readFile` are all of the world that a script
//! sees. Its first argument is the script, the others are the script's `args`.

use std::cell::Cell;
use std::process::ExitCode;

use rquickjs::{CatchResultExt, Context, Ctx, Exception, Function, Runtime};

thread_local! {
    /// What a snapshot of the initialised module starts with; `None` without one.
    static READY: Cell<Option<Context>> = const { Cell::new(None) };
}

/// Runs before a snapshot is taken: the engine and its library, no script.
#[cfg(target_os = "wasi")]
#[unsafe(export_name = "wizer-initialize")]
extern "C" fn initialise() {
    READY.set(Some(engine().expect("QuickJS starts")));
}

fn engine() -> rquickjs::Result<Context> {
    Context::full(&Runtime::new()?)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(script) = args.next() else {
        eprintln!("no script is named");
        return ExitCode::FAILURE;
    };
    match run(&script, args.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{script}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(script: &str, args: Vec<String>) -> Result<(), String> {
    let source = std::fs::read(script).map_err(|error| error.to_string())?;
    let context = match READY.take() {
        Some(context) => context,
        None => engine().map_err(|error| error.to_string())?,
    };
    context.with(|ctx| {
        let ran = world(&ctx, args).and_then(|()| ctx.eval::<(), _>(source));
        ran.catch(&ctx).map_err(|error| error.to_string())
    })
}

fn world(ctx: &Ctx<'_>, args: Vec<String>) -> rquickjs::Result<()> {
    let globals = ctx.globals();
    globals.set("args", args)?;
    let print = |line: String| println!("{line}");
    globals.set("print", Function::new(ctx.clone(), print)?)?;
    let read = |ctx: Ctx<'_>, path: String| {
        std::fs::read_to_string(&path)
            .map_err(|error| Exception::throw_message(&ctx, &format!("{path}: {error}")))
    };
    globals.set("readFile", Function::new(ctx.clone(), read)?)
}
