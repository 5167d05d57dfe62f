//! Which process listens on a port of this machine, as Linux tells it.

use std::fs;
use std::path::Path;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// The process that listens on a port; of several that share it, as a server with workers has them, the one that began the
/// others. Nothing where that cannot be seen.
pub(super) fn listener(port: u16) -> Option<u32> {
    let sockets: Vec<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening(&read(table), port)).collect();
    let mut holders: Vec<u32> = processes().filter(|pid| holds(*pid, &sockets)).collect();
    let all = holders.clone();
    holders.retain(|pid| !parent(*pid).is_some_and(|parent| all.contains(&parent)));
    holders.first().copied()
}

/// What descriptors of sockets that listen on a port are links to.
fn listening(table: &str, port: u16) -> Vec<String> {
    let socket = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local_port, 16) == Ok(port) && *columns.get(3)? == LISTENS;
        is_it.then(|| columns.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    table.lines().filter_map(socket).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link == Path::new(socket)))
}

fn parent(pid: u32) -> Option<u32> {
    let stat = read(&format!("/proc/{pid}/stat"));
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    #[test]
    fn the_process_behind_a_port_is_found() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        assert_eq!(super::listener(port), Some(std::process::id()));
        drop(listener);
        assert_eq!(super::listener(port), None);
    }
}
