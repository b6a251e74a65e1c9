//! The table of all calls, for whatever has to be said once for each.

/// Hands every call to the macro `$each`, as `name(argument types) -> answer`, in the order of the
/// specification. `u32` is Wasm's `i32`; `u64` and `i64` are its `i64`.
macro_rules! each_call {
    ($each:ident) => {
        $each! {
            args_get(u32, u32) -> Errno;
            args_sizes_get(u32, u32) -> Errno;
            environ_get(u32, u32) -> Errno;
            environ_sizes_get(u32, u32) -> Errno;
            clock_res_get(u32, u32) -> Errno;
            clock_time_get(u32, u64, u32) -> Errno;
            fd_advise(u32, u64, u64, u32) -> Errno;
            fd_allocate(u32, u64, u64) -> Errno;
            fd_close(u32) -> Errno;
            fd_datasync(u32) -> Errno;
            fd_fdstat_get(u32, u32) -> Errno;
            fd_fdstat_set_flags(u32, u32) -> Errno;
            fd_fdstat_set_rights(u32, u64, u64) -> Errno;
            fd_filestat_get(u32, u32) -> Errno;
            fd_filestat_set_size(u32, u64) -> Errno;
            fd_filestat_set_times(u32, u64, u64, u32) -> Errno;
            fd_pread(u32, u32, u32, u64, u32) -> Errno;
            fd_prestat_get(u32, u32) -> Errno;
            fd_prestat_dir_name(u32, u32, u32) -> Errno;
            fd_pwrite(u32, u32, u32, u64, u32) -> Errno;
            fd_read(u32, u32, u32, u32) -> Errno;
            fd_readdir(u32, u32, u32, u64, u32) -> Errno;
            fd_renumber(u32, u32) -> Errno;
            fd_seek(u32, i64, u32, u32) -> Errno;
            fd_sync(u32) -> Errno;
            fd_tell(u32, u32) -> Errno;
            fd_write(u32, u32, u32, u32) -> Errno;
            path_create_directory(u32, u32, u32) -> Errno;
            path_filestat_get(u32, u32, u32, u32, u32) -> Errno;
            path_filestat_set_times(u32, u32, u32, u32, u64, u64, u32) -> Errno;
            path_link(u32, u32, u32, u32, u32, u32, u32) -> Errno;
            path_open(u32, u32, u32, u32, u32, u64, u64, u32, u32) -> Errno;
            path_readlink(u32, u32, u32, u32, u32, u32) -> Errno;
            path_remove_directory(u32, u32, u32) -> Errno;
            path_rename(u32, u32, u32, u32, u32, u32) -> Errno;
            path_symlink(u32, u32, u32, u32, u32) -> Errno;
            path_unlink_file(u32, u32, u32) -> Errno;
            poll_oneoff(u32, u32, u32, u32) -> Errno;
            proc_exit(u32) -> Ending;
            proc_raise(u32) -> Ending;
            sched_yield() -> Errno;
            random_get(u32, u32) -> Errno;
            sock_accept(u32, u32, u32) -> Errno;
            sock_recv(u32, u32, u32, u32, u32, u32) -> Errno;
            sock_send(u32, u32, u32, u32, u32) -> Errno;
            sock_shutdown(u32, u32) -> Errno;
        }
    };
}

pub(crate) use each_call;
