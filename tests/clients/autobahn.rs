//! Autobahn's test suite for WebSocket servers against `/v1/ws`, by the scripts in `autobahn/`: that a node passes it, and
//! that a node which does not would be found out.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::harness::{Http, Node};
use crate::python;

/// For the largest messages of the suite, and for those that it sends in the smallest pieces.
const CONFIGURATION: &str = "[limits]\nframe_bytes_max = 16777216\nfirst_frame_timeout_ms = 120000\n";

/// What the suite printed; it is shown when the test fails.
struct Report {
    passed: bool,
    text: String,
}

impl Report {
    fn of(node: SocketAddr, arguments: &[&str]) -> Self {
        let run = python("autobahn/main.py").arg(node.to_string()).args(arguments).output().expect("Python starts");
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        println!("{text}{}", String::from_utf8_lossy(&run.stderr));
        Self { passed: run.status.success(), text }
    }

    fn line(&self, start: &str) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no line begins with `{start}`"))
    }
}

#[tokio::test]
async fn autobahn() {
    let node = Node::with(&[], CONFIGURATION);
    let report = Report::of(node.address(), &[]);
    assert!(report.passed);
    assert_eq!(report.line("total: "), "3 informational, 2 non-strict, 288 passed, 8 not run");
    // The suite cannot compare what it gets back with what it sent; at least not an octet is lost or doubled.
    let figures = Http::once(node.address(), "GET", "/metrics", &[], "").await;
    let received = figures.text().lines().find_map(|l| l.strip_prefix("fanfare_connections_bytes_received_total "));
    assert_eq!(received, Some(report.line("octets ")));
}

type Fault = fn(Way, &mut Vec<u8>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToNode,
    FromNode,
}

/// Each with a case that finds it.
const FAULTS: [(&str, &str, Fault); 6] = [
    ("answers a ping with something else", "2.2", |way, bytes| {
        if way == Way::FromNode && bytes[0] == 0x8A {
            *bytes.last_mut().expect("there is a first") ^= 1;
        }
    }),
    ("does not answer", "1.1.2", |way, bytes| {
        if way == Way::FromNode && bytes[0] == 0x81 {
            bytes.clear();
        }
    }),
    ("answers twice", "1.1.2", |way, bytes| {
        if way == Way::FromNode && bytes[0] == 0x81 {
            bytes.extend_from_within(..);
        }
    }),
    ("takes reserved bits for nothing", "3.1", |way, bytes| {
        if way == Way::ToNode && bytes[1] & 0x80 != 0 {
            bytes[0] &= 0x8F;
        }
    }),
    ("closes with another code", "4.1.1", |way, bytes| {
        let code = bytes.windows(2).position(|pair| pair == 1002_u16.to_be_bytes());
        if let (Way::FromNode, Some(at)) = (way, code) {
            bytes[at..at + 2].copy_from_slice(&1001_u16.to_be_bytes());
        }
    }),
    ("closes without a word", "7.1.1", |way, bytes| {
        if way == Way::FromNode && bytes[0] == 0x88 {
            bytes.clear();
        }
    }),
];

/// Passes on what both say, and plants a fault in it.
fn faulty(node: SocketAddr, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let node = TcpStream::connect(node).expect("the node listens");
            let twin = |end: &TcpStream| end.try_clone().expect("a socket");
            let ends = [(Way::ToNode, twin(&client), twin(&node)), (Way::FromNode, node, client)];
            for (way, from, to) in ends {
                thread::spawn(move || forward(way, from, to, fault));
            }
        }
    });
    address
}

fn forward(way: Way, mut from: TcpStream, mut to: TcpStream, fault: Fault) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..size].to_vec();
        fault(way, &mut bytes);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // The other end may have gone already.
    let _ = to.shutdown(Shutdown::Write);
}

#[tokio::test]
async fn autobahn_finds_out_a_node_that_breaks_the_rules() {
    let node = Node::with(&[], CONFIGURATION);
    for (what, case, fault) in FAULTS {
        println!("a node that {what}:");
        let report = Report::of(faulty(node.address(), fault), &["--patience", "1", case]);
        assert!(!report.passed);
        assert_eq!(report.line("total: "), "1 failed, 0 not run");
    }
}
