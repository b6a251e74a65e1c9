//! The 46 calls, one function each: `(context, memory, arguments as Wasm passes them)`.
//!
//! Each call checks the addresses that it will write to before it has any effect, then the
//! descriptor and its rights. Results go to guest memory; the function returns the error number.

mod clock;
mod directory;
mod file;
mod open;
mod path;
mod poll;
mod process;
mod socket;
mod stream;
mod strings;
pub(crate) mod table;

pub use clock::{clock_res_get, clock_time_get};
pub use directory::fd_readdir;
pub use file::{
    fd_advise, fd_allocate, fd_close, fd_datasync, fd_fdstat_get, fd_fdstat_set_flags,
    fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times,
    fd_prestat_dir_name, fd_prestat_get, fd_renumber, fd_sync,
};
pub use open::path_open;
pub use path::{
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_readlink,
    path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
pub use poll::poll_oneoff;
pub use process::{proc_exit, proc_raise, random_get, sched_yield};
pub use socket::{sock_accept, sock_recv, sock_send, sock_shutdown};
pub use stream::{fd_pread, fd_pwrite, fd_read, fd_seek, fd_tell, fd_write};
pub use strings::{args_get, args_sizes_get, environ_get, environ_sizes_get};

macro_rules! names {
    ($($name:ident($($argument:ident: $ty:ident),*) -> $answer:ident;)*) => {
        /// The names of all calls, in the specification's order.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

table::each_call!(names);
