//! How the sockets of sessions are set up.

use std::rc::Rc;

use fanfare_protocol::Watch;
use tokio::net::TcpStream;

use crate::connection::{Connection, Source};
use crate::hub::{Hub, Outlet};
use crate::view::Wire;

/// Starts a session on a socket, for a connection that was admitted.
pub(super) fn open(hub: &Rc<Hub>, stream: TcpStream, source: Source, watches: Vec<Watch>) {
    let delivery = &hub.node().config.delivery;
    let socket = socket2::SockRef::from(&stream);
    // Tuning only: a kernel that refuses one of these still serves the connection.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(delivery.send_buffer_bytes);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(delivery.notsent_bytes);
    let outlet = Outlet::of_socket(stream, Wire::Session(source.wire(), None), delivery.outbox_bytes_max);
    Connection::open(hub, &Rc::new(outlet), source, watches);
}
