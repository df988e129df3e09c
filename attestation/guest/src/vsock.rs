//! Connections to the host over AF_VSOCK (linux/vm_sockets.h).

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

/// The context id of the host, `VMADDR_CID_HOST`.
pub const HOST_CID: u32 = 2;

/// The kernel gives up a connection attempt after two seconds by itself
/// (`VSOCK_DEFAULT_CONNECT_TIMEOUT`); a host that is busy starting devices gets a few of them.
const CONNECT_ATTEMPTS: u32 = 5;

/// Where to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VsockAddress {
    /// Context id, [`HOST_CID`] for the host.
    pub cid: u32,
    /// Port.
    pub port: u32,
}

/// `struct sockaddr_vm`.
#[repr(C)]
struct SockaddrVm {
    family: u16,
    reserved: u16,
    port: u32,
    cid: u32,
    flags_and_zero: [u8; 4],
}

const SOCKADDR_VM_LEN: SocketAddrLen = 16;

const _: () = {
    assert!(size_of::<SockaddrVm>() == 16 && SOCKADDR_VM_LEN == 16);
    assert!(std::mem::offset_of!(SockaddrVm, port) == 4);
    assert!(std::mem::offset_of!(SockaddrVm, cid) == 8);
};

impl From<VsockAddress> for SockaddrVm {
    fn from(address: VsockAddress) -> Self {
        Self {
            family: AddressFamily::VSOCK.as_raw(),
            reserved: 0,
            port: address.port,
            cid: address.cid,
            flags_and_zero: [0; 4],
        }
    }
}

// SAFETY: the pointer given to `f` is to a whole, initialised `SockaddrVm` that lives on this frame
// for the duration of the call, and the length is that struct's size (asserted above).
unsafe impl SocketAddrArg for VsockAddress {
    unsafe fn with_sockaddr<R>(
        &self,
        f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R,
    ) -> R {
        let raw = SockaddrVm::from(*self);
        f((&raw const raw).cast(), SOCKADDR_VM_LEN)
    }
}

/// A connected stream socket to the host, with a limit on every read and write.
#[derive(Debug)]
pub struct VsockStream {
    socket: OwnedFd,
}

impl VsockStream {
    /// Connects; each later read or write that makes no progress for `io_timeout` fails with
    /// [`io::ErrorKind::TimedOut`].
    ///
    /// # Errors
    /// `ECONNRESET` or `ECONNREFUSED`: the host does not offer that port, or nobody listens behind it.
    /// `ENODEV`: there is no vsock device or driver.
    pub fn connect(address: VsockAddress, io_timeout: Duration) -> io::Result<Self> {
        let mut last = Errno::TIMEDOUT;
        for _ in 0..CONNECT_ATTEMPTS {
            let socket = stream_socket()?;
            match connect(&socket, &address) {
                Ok(()) => return Self::from_socket(socket, io_timeout),
                Err(Errno::TIMEDOUT | Errno::INTR) => last = Errno::TIMEDOUT,
                Err(errno) => {
                    last = errno;
                    break;
                }
            }
        }
        Err(last.into())
    }

    fn from_socket(socket: OwnedFd, io_timeout: Duration) -> io::Result<Self> {
        set_socket_timeout(&socket, Timeout::Recv, Some(io_timeout))?;
        set_socket_timeout(&socket, Timeout::Send, Some(io_timeout))?;
        Ok(Self { socket })
    }
}

fn stream_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::VSOCK,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

impl Read for VsockStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, _) =
            rustix::io::retry_on_intr(|| recv(&self.socket, &mut *buffer, RecvFlags::empty()))
                .map_err(timeout_by_name)?;
        Ok(received)
    }
}

impl Write for VsockStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        rustix::io::retry_on_intr(|| send(&self.socket, buffer, SendFlags::NOSIGNAL))
            .map_err(timeout_by_name)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blocking socket whose SO_RCVTIMEO or SO_SNDTIMEO ran out answers EAGAIN (socket(7)).
fn timeout_by_name(errno: Errno) -> io::Error {
    if errno == Errno::AGAIN {
        io::ErrorKind::TimedOut.into()
    } else {
        errno.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::socketpair;

    fn pair(io_timeout: Duration) -> (VsockStream, OwnedFd) {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        (VsockStream::from_socket(ours, io_timeout).unwrap(), theirs)
    }

    #[test]
    fn address_bytes_are_the_kernels() {
        let address = VsockAddress {
            cid: HOST_CID,
            port: 9000,
        };
        // SAFETY: the closure only copies the bytes that the length covers.
        let bytes = unsafe {
            address.with_sockaddr(|pointer, length| {
                std::slice::from_raw_parts(pointer.cast::<u8>(), length as usize).to_vec()
            })
        };
        assert_eq!(
            bytes,
            [40, 0, 0, 0, 0x28, 0x23, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn stream_silent_peer_times_out() {
        let (mut stream, _peer) = pair(Duration::from_millis(20));
        let error = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn stream_full_peer_times_out_writing() {
        let (mut stream, _peer) = pair(Duration::from_millis(20));
        let error = stream.write_all(&vec![0; 16 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn stream_closed_peer_reads_end_and_refuses_writes() {
        let (mut stream, peer) = pair(Duration::from_secs(5));
        drop(peer);
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(
            stream.write(&[0]).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
