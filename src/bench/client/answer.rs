//! Answers of HTTP/1.1, of which nothing matters but that each request was accepted.

use std::str;

use anyhow::{Context as _, Result, bail, ensure};

/// An answer's head is shorter than this; more is none.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The bytes of the answer at the front, once it is there as a whole.
///
/// # Errors
/// When the request was refused, or where the answer ends cannot be known.
pub(crate) fn first(input: &[u8]) -> Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        ensure!(input.len() <= HEAD_BYTES_MAX, "the server's answer to a publication has no end");
        return Ok(None);
    };
    let head = str::from_utf8(&input[..end]).context("the server's answer to a publication is no HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 2") {
        bail!("the server refused a publication, it answered `{status}`");
    }
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: Option<usize> = length.and_then(|(_, value)| value.trim().parse().ok());
    let length = length.context("the server's answer to a publication does not tell its length")?;
    let whole = (end + 4).checked_add(length).context("the server's answer to a publication has no end")?;
    Ok((input.len() >= whole).then_some(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of nchan 1.3.6.
    const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 09:52:10 GMT\r\n\
        Content-Type: text/plain\r\nContent-Length: 101\r\nConnection: keep-alive\r\n\r\nqueued messages: 1\r\n\
        last requested: -1 sec. ago\r\nactive subscribers: 0\r\nlast message id: 1795341130:0";

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let two = [ACCEPTED, ACCEPTED].concat();
        assert_eq!(first(&two).expect("it was accepted"), Some(ACCEPTED.len()));
        for end in 0..ACCEPTED.len() {
            assert_eq!(first(&ACCEPTED[..end]).expect("nothing is refused yet"), None);
        }
    }

    #[test]
    fn what_was_refused_or_has_no_length_ends_the_run() {
        let refused = first(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").expect_err("it was refused");
        assert!(refused.to_string().ends_with("it answered `HTTP/1.1 404 Not Found`"), "{refused}");
        assert!(first(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(first(&vec![b'x'; HEAD_BYTES_MAX + 1]).is_err());
    }
}
