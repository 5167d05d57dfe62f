//! How sockets are set up, and how those of sessions begin.

use std::net::TcpListener;
use std::rc::Rc;

use fanfare_protocol::Watch;
use tokio::net::TcpStream;

use crate::connection::{Connection, Source};
use crate::hub::{Delivery, Hub, Outlet};
use crate::view::Wire;

/// Sets a listener up as the connections that it accepts are to be: the kernel makes them its copies, so none of them is told
/// again. Tuning only: a kernel that refuses one of these still serves its connections.
pub(super) fn tune(listener: &TcpListener, delivery: &Delivery) {
    let socket = socket2::SockRef::from(listener);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(delivery.send_buffer_bytes);
    #[cfg(target_os = "linux")]
    {
        let _ = socket.set_tcp_notsent_lowat(delivery.notsent_bytes);
        // While a peer takes nothing, the body of its answer is not polled: only the kernel can notice that it never will.
        let patience = std::time::Duration::from_millis(u64::from(delivery.write_timeout_ms));
        let _ = socket.set_tcp_user_timeout(Some(patience));
    }
}

/// Starts a session on a socket, for a connection that was admitted.
pub(super) fn open(hub: &Rc<Hub>, stream: TcpStream, source: Source, watches: Vec<Watch>) {
    let outbox_bytes_max = hub.node().config.delivery.outbox_bytes_max;
    let outlet = Outlet::of_socket(stream, Wire::Session(source.wire(), None), outbox_bytes_max);
    Connection::open(hub, &Rc::new(outlet), source, watches);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_accepted_socket_is_set_up_as_its_listener_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (send_buffer_bytes, notsent_bytes, write_timeout_ms) = (48 * 1024, 12 * 1024, 7_000);
        tune(&listener, &Delivery { send_buffer_bytes, notsent_bytes, write_timeout_ms, ..Delivery::default() });
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = socket2::SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        // Linux gives twice what it is asked for, for its own bookkeeping (socket(7)).
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * send_buffer_bytes);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), notsent_bytes);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(u64::from(write_timeout_ms))));
    }
}
