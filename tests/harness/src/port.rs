//! A port that stays ours from start to end, whether anybody listens there or not.

use std::{fmt, io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// A loopback port.
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound and never listening: who connects is refused, and who asks for a free port is not given this one.
    _held: TcpSocket,
}

// === impl Port ===

impl Port {
    /// The port with this number; 0: any that is free.
    pub(crate) fn take(number: u16) -> io::Result<Self> {
        let held = bind(SocketAddr::from(([127, 0, 0, 1], number)))?;
        Ok(Self {
            address: held.local_addr()?,
            _held: held,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens there. One at a time may.
    pub(crate) fn listen(&self, backlog: u32) -> io::Result<TcpListener> {
        bind(self.address)?.listen(backlog)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)
    }
}

/// Beside another that is bound, though none that listens; and though connections that were dropped linger in the kernel.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
