//! The error numbers of preview 1, and their mapping from host errors.
//!
//! Every call returns one of these. `0` is success and has no variant, because it is `Ok` in Rust.
//! The numbers are those of `wasi_snapshot_preview1.witx`.

use rustix::io::Errno as Host;

/// Defines the enum, its messages and the mapping from host errors in one table.
macro_rules! errnos {
    ($($variant:ident = $number:literal, $text:literal, $($host:ident)?;)*) => {
        /// The error of a preview 1 call, as the guest sees it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[repr(u16)]
        pub enum Errno {
            $(
                #[doc = concat!("`", $number, "`: ", $text, ".")]
                #[error($text)]
                $variant = $number,
            )*
        }

        impl Errno {
            /// All error numbers, in the specification's order.
            pub const ALL: &'static [Errno] = &[$(Errno::$variant),*];
        }

        impl From<Host> for Errno {
            /// Maps a host error. One without a counterpart in preview 1 becomes `Io`.
            fn from(host: Host) -> Self {
                match host {
                    $($(Host::$host => Errno::$variant,)?)*
                    _ => Errno::Io,
                }
            }
        }
    };
}

errnos! {
    TooBig = 1, "argument list too long", TOOBIG;
    Acces = 2, "permission denied", ACCESS;
    Addrinuse = 3, "address in use", ADDRINUSE;
    Addrnotavail = 4, "address not available", ADDRNOTAVAIL;
    Afnosupport = 5, "address family not supported", AFNOSUPPORT;
    Again = 6, "resource unavailable, or operation would block", AGAIN;
    Already = 7, "connection already in progress", ALREADY;
    Badf = 8, "bad file descriptor", BADF;
    Badmsg = 9, "bad message", BADMSG;
    Busy = 10, "device or resource busy", BUSY;
    Canceled = 11, "operation canceled", CANCELED;
    Child = 12, "no child processes", CHILD;
    Connaborted = 13, "connection aborted", CONNABORTED;
    Connrefused = 14, "connection refused", CONNREFUSED;
    Connreset = 15, "connection reset", CONNRESET;
    Deadlk = 16, "resource deadlock would occur", DEADLK;
    Destaddrreq = 17, "destination address required", DESTADDRREQ;
    Dom = 18, "argument out of the domain of the function", DOM;
    Dquot = 19, "quota exceeded", DQUOT;
    Exist = 20, "file exists", EXIST;
    Fault = 21, "bad guest address", FAULT;
    Fbig = 22, "file too large", FBIG;
    Hostunreach = 23, "host is unreachable", HOSTUNREACH;
    Idrm = 24, "identifier removed", IDRM;
    Ilseq = 25, "illegal byte sequence", ILSEQ;
    Inprogress = 26, "operation in progress", INPROGRESS;
    Intr = 27, "interrupted", INTR;
    Inval = 28, "invalid argument", INVAL;
    Io = 29, "input/output error", IO;
    Isconn = 30, "socket is connected", ISCONN;
    Isdir = 31, "is a directory", ISDIR;
    Loop = 32, "too many levels of symbolic links", LOOP;
    Mfile = 33, "too many open descriptors", MFILE;
    Mlink = 34, "too many links", MLINK;
    Msgsize = 35, "message too large", MSGSIZE;
    Multihop = 36, "multihop attempted", MULTIHOP;
    Nametoolong = 37, "name too long", NAMETOOLONG;
    Netdown = 38, "network is down", NETDOWN;
    Netreset = 39, "connection aborted by the network", NETRESET;
    Netunreach = 40, "network unreachable", NETUNREACH;
    Nfile = 41, "too many files open in the system", NFILE;
    Nobufs = 42, "no buffer space", NOBUFS;
    Nodev = 43, "no such device", NODEV;
    Noent = 44, "no such file or directory", NOENT;
    Noexec = 45, "executable format error", NOEXEC;
    Nolck = 46, "no locks available", NOLCK;
    Nolink = 47, "link severed", NOLINK;
    Nomem = 48, "not enough space", NOMEM;
    Nomsg = 49, "no message of the desired type", NOMSG;
    Noprotoopt = 50, "protocol not available", NOPROTOOPT;
    Nospc = 51, "no space left on device", NOSPC;
    Nosys = 52, "function not supported", NOSYS;
    Notconn = 53, "socket is not connected", NOTCONN;
    Notdir = 54, "not a directory", NOTDIR;
    Notempty = 55, "directory not empty", NOTEMPTY;
    Notrecoverable = 56, "state not recoverable", NOTRECOVERABLE;
    Notsock = 57, "not a socket", NOTSOCK;
    Notsup = 58, "not supported", NOTSUP;
    Notty = 59, "inappropriate control operation", NOTTY;
    Nxio = 60, "no such device or address", NXIO;
    Overflow = 61, "value too large for its type", OVERFLOW;
    Ownerdead = 62, "previous owner died", OWNERDEAD;
    Perm = 63, "operation not permitted", PERM;
    Pipe = 64, "broken pipe", PIPE;
    Proto = 65, "protocol error", PROTO;
    Protonosupport = 66, "protocol not supported", PROTONOSUPPORT;
    Prototype = 67, "protocol wrong type for socket", PROTOTYPE;
    Range = 68, "result too large", RANGE;
    Rofs = 69, "read-only file system", ROFS;
    Spipe = 70, "invalid seek", SPIPE;
    Srch = 71, "no such process", SRCH;
    Stale = 72, "stale file handle", STALE;
    Timedout = 73, "connection timed out", TIMEDOUT;
    Txtbsy = 74, "text file busy", TXTBSY;
    Xdev = 75, "cross-device link", XDEV;
    Notcapable = 76, "capabilities insufficient",;
}

impl Errno {
    /// The call's result value for this error.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}
