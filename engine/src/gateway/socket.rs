//! How the sockets of sessions are set up.

use std::rc::Rc;

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::connection::{Connection, Source};
use crate::hub::{Hub, Outlet};
use crate::view::{SessionWire, Wire};

/// Starts a session on a socket, for a connection that was admitted. `read_ahead` came behind the handshake.
pub(super) fn open(hub: &Rc<Hub>, stream: TcpStream, wire: SessionWire, read_ahead: BytesMut) {
    let delivery = &hub.node().config.delivery;
    let socket = socket2::SockRef::from(&stream);
    // Tuning only: a kernel that refuses one of these still serves the connection.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(delivery.send_buffer_bytes);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(delivery.notsent_bytes);
    let outlet = Rc::new(Outlet::of_socket(stream, Wire::Session(wire), delivery.outbox_bytes_max));
    // An empty buffer still holds what it was read into.
    let read_ahead = if read_ahead.is_empty() { BytesMut::new() } else { read_ahead };
    Connection::open(hub, &outlet, wire, Source::Socket(read_ahead));
}
