//! The table of all calls, from which per-call code is generated.

/// Passes every call to the macro `$each`, as `name(argument: type) -> answer`, in the
/// specification's order. `u32` is Wasm's `i32`; `u64` and `i64` are its `i64`.
macro_rules! each_call {
    ($each:ident) => {
        $each! {
            args_get(argv: u32, argv_buf: u32) -> Errno;
            args_sizes_get(count: u32, bytes: u32) -> Errno;
            environ_get(environ: u32, environ_buf: u32) -> Errno;
            environ_sizes_get(count: u32, bytes: u32) -> Errno;
            clock_res_get(clock: u32, resolution: u32) -> Errno;
            clock_time_get(clock: u32, precision: u64, time: u32) -> Errno;
            fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> Errno;
            fd_allocate(fd: u32, offset: u64, len: u64) -> Errno;
            fd_close(fd: u32) -> Errno;
            fd_datasync(fd: u32) -> Errno;
            fd_fdstat_get(fd: u32, result: u32) -> Errno;
            fd_fdstat_set_flags(fd: u32, new: u32) -> Errno;
            fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> Errno;
            fd_filestat_get(fd: u32, result: u32) -> Errno;
            fd_filestat_set_size(fd: u32, size: u64) -> Errno;
            fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, which: u32) -> Errno;
            fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> Errno;
            fd_prestat_get(fd: u32, result: u32) -> Errno;
            fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) -> Errno;
            fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> Errno;
            fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> Errno;
            fd_readdir(fd: u32, buffer: u32, buffer_len: u32, cookie: u64, used: u32) -> Errno;
            fd_renumber(from: u32, to: u32) -> Errno;
            fd_seek(fd: u32, delta: i64, whence: u32, position: u32) -> Errno;
            fd_sync(fd: u32) -> Errno;
            fd_tell(fd: u32, position: u32) -> Errno;
            fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> Errno;
            path_create_directory(fd: u32, path: u32, path_len: u32) -> Errno;
            path_filestat_get(fd: u32, lookup: u32, path: u32, path_len: u32, result: u32) -> Errno;
            path_filestat_set_times(
                fd: u32, lookup: u32, path: u32, path_len: u32, atim: u64, mtim: u64, which: u32
            ) -> Errno;
            path_link(
                old_fd: u32, old_lookup: u32, old_path: u32, old_path_len: u32, new_fd: u32,
                new_path: u32, new_path_len: u32
            ) -> Errno;
            path_open(
                fd: u32, lookup: u32, path: u32, path_len: u32, open: u32, base: u64,
                inheriting: u64, flags: u32, opened: u32
            ) -> Errno;
            path_readlink(
                fd: u32, path: u32, path_len: u32, buffer: u32, buffer_len: u32, used: u32
            ) -> Errno;
            path_remove_directory(fd: u32, path: u32, path_len: u32) -> Errno;
            path_rename(
                old_fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32,
                new_path_len: u32
            ) -> Errno;
            path_symlink(text: u32, text_len: u32, fd: u32, path: u32, path_len: u32) -> Errno;
            path_unlink_file(fd: u32, path: u32, path_len: u32) -> Errno;
            poll_oneoff(subscriptions: u32, events: u32, count: u32, occurred: u32) -> Errno;
            proc_exit(code: u32) -> Exit;
            proc_raise(signal: u32) -> Ending;
            sched_yield() -> Errno;
            random_get(buffer: u32, buffer_len: u32) -> Errno;
            sock_accept(fd: u32, flags: u32, accepted: u32) -> Errno;
            sock_recv(
                fd: u32, iovs: u32, iovs_len: u32, flags: u32, received: u32, received_flags: u32
            ) -> Errno;
            sock_send(fd: u32, iovs: u32, iovs_len: u32, flags: u32, sent: u32) -> Errno;
            sock_shutdown(fd: u32, how: u32) -> Errno;
        }
    };
}

pub(crate) use each_call;
