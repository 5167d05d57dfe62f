//! A client that takes compressed answers, and reads each byte of them as soon as it can be read.

use std::io::Read;

use reqwest::Response;
use tokio::time::timeout;

use crate::harness::{Node, PATIENCE};

pub const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// A compressed answer on its way.
pub struct Inflating {
    pub response: Response,
    coding: &'static str,
    packed: Vec<u8>,
    /// How much of what can be read was taken.
    taken: usize,
}

impl Inflating {
    /// Asks for a stream in this coding.
    pub async fn open(node: &Node, path: &str, accept: &str, coding: &'static str) -> Self {
        let request =
            reqwest::Client::new().get(node.url(path)).header("accept", accept).header("accept-encoding", coding);
        Self::of(timeout(PATIENCE, request.send()).await.expect("a head in time").expect("a head"), coding)
    }

    pub fn of(response: Response, coding: &'static str) -> Self {
        assert_eq!(response.headers()["content-encoding"], coding, "{response:?}");
        Self { response, coding, packed: Vec::new(), taken: 0 }
    }

    /// What comes next, up to and with this text.
    pub async fn through(&mut self, text: &str) -> String {
        loop {
            let plain = inflated(self.coding, &self.packed);
            let rest = String::from_utf8_lossy(&plain[self.taken..]).into_owned();
            if let Some(at) = rest.find(text) {
                self.taken += at + text.len();
                return rest[..at + text.len()].to_owned();
            }
            let piece = timeout(PATIENCE, self.response.chunk()).await;
            let piece = piece.unwrap_or_else(|_| panic!("`{text}` in time, behind {rest}")).expect("a living stream");
            self.packed.extend_from_slice(&piece.expect("the stream goes on"));
        }
    }

    /// All of it, and that it has ended as its coding wants it.
    pub async fn whole(mut self) -> String {
        while let Some(piece) =
            timeout(PATIENCE, self.response.chunk()).await.expect("in time").expect("a living stream")
        {
            self.packed.extend_from_slice(&piece);
        }
        let mut out = String::new();
        decoder(self.coding, &self.packed).read_to_string(&mut out).expect("a whole stream");
        out
    }
}

/// What can be read of a stream that may not have ended.
fn inflated(coding: &str, packed: &[u8]) -> Vec<u8> {
    let (mut out, mut some) = (Vec::new(), [0; 4_096]);
    let mut decoder = decoder(coding, packed);
    while let Ok(count @ 1..) = decoder.read(&mut some) {
        out.extend_from_slice(&some[..count]);
    }
    out
}

fn decoder<'a>(coding: &str, packed: &'a [u8]) -> Box<dyn Read + 'a> {
    match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(packed)),
        "br" => Box::new(brotli::Decompressor::new(packed, 4_096)),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(packed).expect("memory")),
        other => panic!("{other} is none of ours"),
    }
}
