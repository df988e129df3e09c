//! Confines a process: namespaces, empty root, capabilities, no_new_privs, Landlock, seccomp, limits.

