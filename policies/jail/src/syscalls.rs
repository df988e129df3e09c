//! Names of system calls on x86-64, as far as a profile could reasonably use them. What no process
//! of ours may ever be allowed (mounting, tracing, loading modules, ...) is left out on purpose: a
//! profile that names it does not compile.

macro_rules! table {
    ($($name:literal $number:ident),* $(,)?) => {
        const TABLE: &[(&str, libc::c_long)] = &[$(($name, libc::$number)),*];
    };
}

table! {
    "accept4" SYS_accept4,
    "access" SYS_access,
    "bind" SYS_bind,
    "brk" SYS_brk,
    "clock_gettime" SYS_clock_gettime,
    "clock_nanosleep" SYS_clock_nanosleep,
    "clone" SYS_clone,
    "clone3" SYS_clone3,
    "close" SYS_close,
    "close_range" SYS_close_range,
    "connect" SYS_connect,
    "dup" SYS_dup,
    "dup2" SYS_dup2,
    "dup3" SYS_dup3,
    "epoll_create1" SYS_epoll_create1,
    "epoll_ctl" SYS_epoll_ctl,
    "epoll_pwait" SYS_epoll_pwait,
    "epoll_wait" SYS_epoll_wait,
    "eventfd2" SYS_eventfd2,
    "exit" SYS_exit,
    "exit_group" SYS_exit_group,
    "fadvise64" SYS_fadvise64,
    "fallocate" SYS_fallocate,
    "fchown" SYS_fchown,
    "fcntl" SYS_fcntl,
    "fdatasync" SYS_fdatasync,
    "fstat" SYS_fstat,
    "flock" SYS_flock,
    "fsync" SYS_fsync,
    "ftruncate" SYS_ftruncate,
    "futex" SYS_futex,
    "getcwd" SYS_getcwd,
    "getdents64" SYS_getdents64,
    "getegid" SYS_getegid,
    "geteuid" SYS_geteuid,
    "getgid" SYS_getgid,
    "getpid" SYS_getpid,
    "getppid" SYS_getppid,
    "getrandom" SYS_getrandom,
    "getrusage" SYS_getrusage,
    "getsockname" SYS_getsockname,
    "getsockopt" SYS_getsockopt,
    "gettid" SYS_gettid,
    "gettimeofday" SYS_gettimeofday,
    "getuid" SYS_getuid,
    "io_uring_enter" SYS_io_uring_enter,
    "ioctl" SYS_ioctl,
    "kill" SYS_kill,
    "listen" SYS_listen,
    "lseek" SYS_lseek,
    "madvise" SYS_madvise,
    "membarrier" SYS_membarrier,
    "memfd_create" SYS_memfd_create,
    "mlock" SYS_mlock,
    "mmap" SYS_mmap,
    "mprotect" SYS_mprotect,
    "mremap" SYS_mremap,
    "munlock" SYS_munlock,
    "munmap" SYS_munmap,
    "nanosleep" SYS_nanosleep,
    "newfstatat" SYS_newfstatat,
    "openat" SYS_openat,
    "pause" SYS_pause,
    "pidfd_send_signal" SYS_pidfd_send_signal,
    "pipe2" SYS_pipe2,
    "poll" SYS_poll,
    "ppoll" SYS_ppoll,
    "prctl" SYS_prctl,
    "pread64" SYS_pread64,
    "preadv" SYS_preadv,
    "preadv2" SYS_preadv2,
    "prlimit64" SYS_prlimit64,
    "pwrite64" SYS_pwrite64,
    "pwritev" SYS_pwritev,
    "pwritev2" SYS_pwritev2,
    "read" SYS_read,
    "readlink" SYS_readlink,
    "readlinkat" SYS_readlinkat,
    "readv" SYS_readv,
    "recvfrom" SYS_recvfrom,
    "recvmmsg" SYS_recvmmsg,
    "recvmsg" SYS_recvmsg,
    "restart_syscall" SYS_restart_syscall,
    "rseq" SYS_rseq,
    "renameat" SYS_renameat,
    "rt_sigaction" SYS_rt_sigaction,
    "rt_sigprocmask" SYS_rt_sigprocmask,
    "rt_sigreturn" SYS_rt_sigreturn,
    "rt_sigtimedwait" SYS_rt_sigtimedwait,
    "sched_getaffinity" SYS_sched_getaffinity,
    "sched_yield" SYS_sched_yield,
    "seccomp" SYS_seccomp,
    "sendmmsg" SYS_sendmmsg,
    "sendmsg" SYS_sendmsg,
    "sendto" SYS_sendto,
    "set_robust_list" SYS_set_robust_list,
    "set_tid_address" SYS_set_tid_address,
    "setsockopt" SYS_setsockopt,
    "shutdown" SYS_shutdown,
    "sigaltstack" SYS_sigaltstack,
    "signalfd4" SYS_signalfd4,
    "socket" SYS_socket,
    "socketpair" SYS_socketpair,
    "statx" SYS_statx,
    "sysinfo" SYS_sysinfo,
    "tgkill" SYS_tgkill,
    "timerfd_create" SYS_timerfd_create,
    "timerfd_gettime" SYS_timerfd_gettime,
    "timerfd_settime" SYS_timerfd_settime,
    "tkill" SYS_tkill,
    "uname" SYS_uname,
    "unlink" SYS_unlink,
    "unlinkat" SYS_unlinkat,
    "wait4" SYS_wait4,
    "waitid" SYS_waitid,
    "write" SYS_write,
    "writev" SYS_writev,
}

/// A call's number.
pub(crate) fn number(name: &str) -> Option<i64> {
    TABLE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// A call's name; `None` for one that no profile can name.
#[cfg(feature = "observe")]
pub(crate) fn name(number: i64) -> Option<&'static str> {
    TABLE
        .iter()
        .find(|(_, known)| *known == number)
        .map(|(name, _)| *name)
}
