//! A WebSocket server that sends each message to all who are connected, written by hand, with a fault: once, for one of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// One message is not sent.
    Lose,
    /// One is sent twice.
    Double,
    /// Two change places.
    Swap,
}

/// The message at which it goes wrong, of those that the one who suffers it is sent: beyond any warm-up of these tests.
const FAULTY: usize = 100;

struct Room {
    members: Vec<TcpStream>,
    sent: usize,
    fault: Fault,
    held: Option<Vec<u8>>,
}

/// Serves until the test ends.
pub fn start(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let room = Arc::new(Mutex::new(Room { members: Vec::new(), sent: 0, fault, held: None }));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let room = Arc::clone(&room);
            thread::spawn(move || serve(stream, &room));
        }
    });
    address
}

/// Ends with the connection; what a client that is gone is sent is of no interest.
fn serve(mut stream: TcpStream, room: &Mutex<Room>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    stream.set_nodelay(true).ok()?;
    {
        let mut room = room.lock().expect("nobody panics with it");
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(answer).ok()?;
        room.members.push(stream.try_clone().ok()?);
    }
    loop {
        let message = message(&mut stream)?;
        room.lock().expect("nobody panics with it").broadcast(&message);
    }
}

/// Reads a client's frame, which is masked; ends with one that is no text.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    if head[0] != 0x81 {
        return None;
    }
    let mut length = usize::from(head[1] & 0x7f);
    if length == 126 {
        let mut bytes = [0; 2];
        stream.read_exact(&mut bytes).ok()?;
        length = usize::from(u16::from_be_bytes(bytes));
    }
    let (mut mask, mut payload) = ([0; 4], vec![0; length]);
    stream.read_exact(&mut mask).ok()?;
    stream.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(payload)
}

impl Room {
    /// The second who came suffers the fault.
    fn broadcast(&mut self, message: &[u8]) {
        let mut frame = vec![0x81];
        match u8::try_from(message.len()).ok().filter(|length| *length < 126) {
            Some(length) => frame.push(length),
            None => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(message.len()).expect("short messages").to_be_bytes());
            }
        }
        frame.extend_from_slice(message);
        self.sent += 1;
        let is_faulty = self.sent == FAULTY;
        let (fault, held) = (self.fault, self.held.take());
        for (index, member) in self.members.iter_mut().enumerate() {
            let frames = match (index == 1, fault, &held) {
                (true, Fault::Lose, _) if is_faulty => Vec::new(),
                (true, Fault::Double, _) if is_faulty => [frame.clone(), frame.clone()].concat(),
                (true, Fault::Swap, _) if is_faulty => Vec::new(),
                (true, _, Some(held)) => [&frame[..], held].concat(),
                _ => frame.clone(),
            };
            let _ = member.write_all(&frames);
        }
        if is_faulty && fault == Fault::Swap {
            self.held = Some(frame);
        }
    }
}
