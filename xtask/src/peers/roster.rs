//! Who is measured: what each server promises, how the load generator speaks to it, what it needs and how it is started.

use super::load::Load;

/// How the load generator speaks to a server.
pub(super) struct Peer {
    /// For `--only`, and of its folder.
    pub(super) name: &'static str,
    /// In the table.
    pub(super) title: &'static str,
    /// What it promises about a delivery.
    pub(super) promise: &'static str,
    /// `--target`.
    pub(super) target: &'static str,
    pub(super) kind: Kind,
}

/// What has to be there, and what then is started.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The binary, with this durability of the namespace.
    Fanfare(&'static str),
    /// Debian's package and program, with a configuration into which ports and a directory are put. `arguments` come before
    /// its path.
    Debian {
        packages: &'static [&'static str],
        program: &'static str,
        configuration: &'static str,
        arguments: &'static [&'static str],
    },
    /// A script for a program of npm's, or for Node.js.
    Script { package: &'static str, program: &'static str, script: &'static str },
    /// Go source over Debian's packages of libraries; the version is that of the first.
    Go { packages: &'static [&'static str] },
    /// C source.
    C { sources: &'static [&'static str] },
    /// The server that the fan-out bench starts as itself.
    Baseline,
}

impl Peer {
    /// What it runs with.
    pub(super) fn settings(&self) -> String {
        match self.kind {
            Kind::Fanfare(durability) => format!("as it comes, namespace with `durability = \"{durability}\"`"),
            Kind::Debian { configuration: file, .. } | Kind::Script { script: file, .. } => {
                format!("`benches/peers/{file}`")
            }
            Kind::Go { .. } => format!("`benches/peers/{}/main.go`", self.name),
            Kind::C { sources } => format!("`benches/peers/{}/{}`", self.name, sources[0]),
            Kind::Baseline => "`benches/fan_out/baseline.rs`".to_owned(),
        }
    }

    /// One that knows no topics has no load with many, and some loads are of a few only.
    pub(super) fn takes_part(&self, load: &Load) -> bool {
        (load.topics == 1 || self.target != "plain") && (load.of.is_empty() || load.of.contains(&self.name))
    }
}

/// In the order of the table. The first is what the others are compared with.
pub(super) static PEERS: [Peer; 10] = [
    Peer {
        name: "fanfare-ephemeral",
        title: "Fanfare, ephemeral",
        promise: "ordered, numbered, resumable from memory",
        target: "fanfare",
        kind: Kind::Fanfare("ephemeral"),
    },
    Peer {
        name: "fanfare-replicated",
        title: "Fanfare, replicated (one node)",
        promise: "ordered, numbered, resumable; on disk, synced, before it is delivered",
        target: "fanfare",
        kind: Kind::Fanfare("replicated"),
    },
    Peer {
        name: "bun",
        title: "Bun (uWebSockets)",
        promise: "at most once, nothing is kept",
        target: "bare",
        kind: Kind::Script { package: "bun", program: "node_modules/.bin/bun", script: "bun/server.ts" },
    },
    Peer {
        name: "nats",
        title: "NATS over WebSocket",
        promise: "at most once, nothing is kept",
        target: "nats",
        kind: Kind::Debian {
            packages: &["nats-server"],
            program: "nats-server",
            configuration: "nats/nats.conf",
            arguments: &["-c"],
        },
    },
    Peer {
        name: "baseline",
        title: "actix-web-actors by hand",
        promise: "at most once, nothing is kept, one topic",
        target: "plain",
        kind: Kind::Baseline,
    },
    Peer {
        name: "socketio",
        title: "Socket.IO",
        promise: "at most once, nothing is kept",
        target: "socketio",
        kind: Kind::Script { package: "socket.io", program: "node", script: "socketio/server.js" },
    },
    Peer {
        name: "centrifuge",
        title: "Centrifuge, protobuf",
        promise: "ordered, numbered, resumable from memory",
        target: "centrifuge",
        kind: Kind::Go {
            packages: &[
                "golang-github-centrifugal-centrifuge-dev",
                "golang-github-centrifugal-protocol-dev",
                "golang-github-fzambia-eagle-dev",
                "golang-github-igm-sockjs-go-dev",
                "golang-github-mna-redisc-dev",
                "golang-go",
            ],
        },
    },
    Peer {
        name: "nchan",
        title: "nchan in nginx",
        promise: "ordered, numbered, resumable from memory",
        target: "nchan",
        kind: Kind::Debian {
            packages: &["libnginx-mod-nchan", "nginx"],
            program: "nginx",
            configuration: "nchan/nginx.conf",
            arguments: &["-e", "stderr", "-c"],
        },
    },
    Peer {
        name: "mosquitto",
        title: "Mosquitto over WebSocket, QoS 0",
        promise: "at most once, nothing is kept",
        target: "mqtt",
        kind: Kind::Debian {
            packages: &["mosquitto"],
            program: "mosquitto",
            configuration: "mosquitto/mosquitto.conf",
            arguments: &["-c"],
        },
    },
    Peer {
        name: "floor",
        title: "floor: a ring and cursors in C",
        promise: "none: the least that can be done",
        target: "bare",
        kind: Kind::C { sources: &["floor.c", "handshake.c"] },
    },
];
