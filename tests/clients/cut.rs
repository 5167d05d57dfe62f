//! A line to a node that is cut and mended when the test says so.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What of it both ends know.
#[derive(Default)]
struct State {
    is_cut: bool,
    /// Both sides of each connection.
    open: Vec<TcpStream>,
}

/// Its threads end with the process of the test.
pub struct Line {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    connections: Arc<AtomicUsize>,
}

impl Line {
    pub fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (state, connections) = (Arc::<Mutex<State>>::default(), Arc::<AtomicUsize>::default());
        let line = Self { address, state: Arc::clone(&state), connections: Arc::clone(&connections) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = state.lock().expect("nobody panics with it");
                if state.is_cut {
                    continue;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                let node = TcpStream::connect(node).expect("the node listens");
                state.open.extend([&client, &node].map(|end| end.try_clone().expect("a socket")));
                forward(&client, &node);
                forward(&node, &client);
            }
        });
        line
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks what is open; whoever connects is hung up on until it is mended.
    pub fn cut(&self) {
        let mut state = self.state.lock().expect("nobody panics with it");
        state.is_cut = true;
        for end in state.open.drain(..) {
            // The other end may have gone already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.state.lock().expect("nobody panics with it").is_cut = false;
    }

    pub fn connections_count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn forward(from: &TcpStream, to: &TcpStream) {
    let mut from = from.try_clone().expect("a socket");
    let mut to = to.try_clone().expect("a socket");
    thread::spawn(move || {
        // An error is the end of the connection, as its end is.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
