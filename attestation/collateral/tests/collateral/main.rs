//! What is asked for, proven, kept and carried, against a server on this machine that answers as AMD's and Intel's do.

mod answers;
mod carried;
mod kept;
mod patience;
mod server;
mod snp;
mod tdx;
mod tls;
mod world;
