//! Makes a server ready to be started: installs what it needs where that is allowed (Debian as root, npm), builds what is
//! built, and tells the version. What is made goes below the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::roster::{Kind, Peer};
use crate::install::{is_debian, is_root};
use crate::project::Project;

/// Where what Debian packages of Go's libraries lies.
const GO_PATH: &str = "/usr/share/gocode";
/// The namespace that `fanfare bench` publishes to.
const NAMESPACE: &str = "bench";

/// See the module.
pub(super) struct Workshop<'a> {
    project: &'a Project,
    place: PathBuf,
    binary: PathBuf,
    is_quick: bool,
}

/// A server that can be started.
pub(super) struct Prepared {
    pub(super) version: String,
    program: PathBuf,
}

/// How it is started.
pub(super) struct Start {
    pub(super) command: Command,
    /// Of the URL that the load generator is given.
    pub(super) path: &'static str,
    /// Asked until it is answered with 200, where a port that listens is not enough.
    pub(super) ready_path: Option<&'static str>,
}

impl<'a> Workshop<'a> {
    /// Builds the binary, which is the load generator too.
    pub(super) fn new(project: &'a Project, is_quick: bool) -> Result<Self> {
        let target = project.target()?;
        let place = target.join("peers");
        fs::create_dir_all(&place).with_context(|| format!("cannot write {}", place.display()))?;
        let (profile, folder) = if is_quick { ("dev", "debug") } else { ("release", "release") };
        project.cargo(["build", "--bin", "fanfare", "--profile", profile]).run()?;
        let binary = target.join(folder).join("fanfare");
        Ok(Self { project, place, binary, is_quick })
    }

    /// Where everything goes.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// `fanfare`
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// # Errors
    /// When what it needs is not there and cannot be had.
    pub(super) fn prepare(&self, peer: &Peer) -> Result<Prepared> {
        match peer.kind {
            Kind::Fanfare(durability) => {
                let policy = format!("[[namespace]]\nname = \"{NAMESPACE}\"\ndurability = \"{durability}\"\n");
                fs::write(self.place.join(format!("{}.toml", peer.name)), policy)?;
                let version = self.first_line(&self.binary, &["--version"])?;
                Ok(Prepared { version, program: self.binary.clone() })
            }
            Kind::Debian { packages, program, .. } => {
                self.install(packages)?;
                Ok(Prepared { version: self.package_versions(packages)?, program: program.into() })
            }
            Kind::Script { package, program, .. } => {
                self.install_npm()?;
                let manifest = self.source("node_modules").join(package).join("package.json");
                let manifest: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
                let mut version = format!("{package} {}", manifest["version"].as_str().unwrap_or("of no version"));
                if program == "node" {
                    version = format!("{version}, Node.js {}", self.first_line(Path::new(program), &["--version"])?);
                }
                let own = self.source(program);
                Ok(Prepared { version, program: if own.exists() { own } else { program.into() } })
            }
            Kind::Go { packages } => {
                self.install(packages)?;
                let program = self.place.join(peer.name);
                let source = self.source(peer.name).join("main.go");
                let arguments = ["build", "-o", text(&program)?, text(&source)?];
                let build = self.project.tool("go", arguments);
                let build = build.env("GO111MODULE", "off").env("GOPATH", GO_PATH).env("GOFLAGS", "");
                build.env("GOCACHE", self.place.join("go")).run()?;
                let version = self.package_versions(&[packages[0], "golang-go"])?;
                Ok(Prepared { version, program })
            }
            Kind::C { sources } => {
                let program = self.compiled(peer.name, sources)?;
                Ok(Prepared { version: self.first_line(Path::new("cc"), &["--version"])?, program })
            }
            Kind::Baseline => {
                let lock = fs::read_to_string(self.project.path("Cargo.lock"))?;
                let mut lines = lock.lines().skip_while(|line| *line != "name = \"actix-web-actors\"").skip(1);
                let version = lines.next().unwrap_or_default().trim_start_matches("version = ").trim_matches('"');
                Ok(Prepared { version: format!("actix-web-actors {version}"), program: self.bench("fan_out")? })
            }
        }
    }

    /// How a server is started at these ports.
    pub(super) fn start(&self, peer: &Peer, prepared: &Prepared, ports: [u16; 2]) -> Result<Start> {
        let mut command = Command::new(&prepared.program);
        let (mut path, mut ready_path) = ("/", None);
        let address = format!("127.0.0.1:{}", ports[0]);
        match peer.kind {
            Kind::Fanfare(_) => {
                // What a run before has written is no part of this one.
                let data = self.fresh(peer.name)?;
                command.args(["serve", "--listen", &address, "--data-dir", text(&data)?]);
                command.arg("--config").arg(self.place.join(format!("{}.toml", peer.name)));
                ready_path = Some("/readyz");
            }
            Kind::Debian { configuration, arguments, .. } => {
                let directory = self.fresh(peer.name)?;
                let template = fs::read_to_string(self.source(configuration))?;
                let written = directory.join("configuration");
                let filled = template.replace("@PORT@", &ports[0].to_string());
                let filled = filled.replace("@OTHER_PORT@", &ports[1].to_string());
                fs::write(&written, filled.replace("@DIRECTORY@", text(&directory)?))?;
                command.args(arguments).arg(written);
            }
            Kind::Script { script, .. } => {
                command.arg(self.source(script)).arg(ports[0].to_string()).env("NODE_ENV", "production");
            }
            Kind::Go { .. } | Kind::C { .. } => {
                command.arg(ports[0].to_string());
            }
            Kind::Baseline => {
                command.args(["--baseline", &address]);
                path = "/v1/ws";
            }
        }
        Ok(Start { command, path, ready_path })
    }

    /// What a `send` costs on loopback: the number of records at once, and CPU time in µs for each record.
    pub(super) fn loopback_sends(&self) -> Result<Vec<(u32, f64)>> {
        let program = self.compiled("send", &["send.c"])?;
        let mut command = super::server::pinned(super::server::SERVER_CORE, program.as_os_str());
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let line = |line: &str| {
            let (records, micros) = line.split_once(' ')?;
            Some((records.parse().ok()?, micros.parse().ok()?))
        };
        String::from_utf8(output.stdout)?.lines().map(line).collect::<Option<_>>().context("it printed no figures")
    }

    /// A path below the peers' sources.
    fn source(&self, relative: &str) -> PathBuf {
        self.project.path("benches/peers").join(relative)
    }

    /// An empty directory.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let directory = self.place.join(format!("{name}-data"));
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// C sources of the floor, as a program.
    fn compiled(&self, name: &str, sources: &[&str]) -> Result<PathBuf> {
        let program = self.place.join(name);
        let sources: Vec<PathBuf> = sources.iter().map(|source| self.source("floor").join(source)).collect();
        let mut arguments = vec!["-std=c11", "-O2", "-Wall", "-Wextra", "-o", text(&program)?];
        for source in &sources {
            arguments.push(text(source)?);
        }
        self.project.tool("cc", arguments).run()?;
        Ok(program)
    }

    /// The executable of a bench.
    fn bench(&self, name: &str) -> Result<PathBuf> {
        let how = if self.is_quick { ["test", "--bench"] } else { ["bench", "--bench"] };
        let built =
            self.project.cargo(how.into_iter().chain([name, "--no-run", "--message-format", "json"])).output()?;
        let executable = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_it = message["target"]["name"] == name;
            is_it.then(|| message["executable"].as_str().map(PathBuf::from))?
        };
        String::from_utf8(built)?.lines().filter_map(executable).next_back().context("cargo built no executable of it")
    }

    fn install_npm(&self) -> Result<()> {
        // npm writes this file last, when everything is in place.
        let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let installed = modified(self.source("node_modules/.package-lock.json"));
        if installed
            .is_some_and(|installed| modified(self.source("package-lock.json")).is_some_and(|lock| installed >= lock))
        {
            return Ok(());
        }
        let peers = self.source("");
        self.project.tool("npm", ["ci", "--no-audit", "--no-fund", "--prefix", text(&peers)?]).run()
    }

    /// Installs those of Debian's packages that are missing.
    fn install(&self, packages: &[&str]) -> Result<()> {
        let missing: Vec<&str> =
            packages.iter().filter(|package| self.package_version(package).is_err()).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !is_debian() || !is_root(self.project) {
            bail!("it is missing: install it (Debian: `apt-get install {}` as root)", missing.join(" "));
        }
        let how = ["install", "--quiet", "--yes", "--no-install-recommends"];
        let apt = |arguments: &[&str]| {
            let tool = self.project.tool("apt-get", arguments.iter().copied());
            tool.env("DEBIAN_FRONTEND", "noninteractive").run()
        };
        apt(&["update", "--quiet"])?;
        apt(&[&how[..], &missing].concat())
    }

    fn package_versions(&self, packages: &[&str]) -> Result<String> {
        let versions: Vec<String> =
            packages.iter().map(|package| self.package_version(package)).collect::<Result<_>>()?;
        Ok(versions.join(", "))
    }

    fn package_version(&self, package: &str) -> Result<String> {
        let query = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status} ${Version}", package]).output();
        let query = query.context("this is no Debian: only what is built from here can be measured")?;
        let answer = String::from_utf8(query.stdout)?;
        let version = answer.strip_prefix("installed ").with_context(|| format!("`{package}` is not installed"))?;
        Ok(format!("{package} {version}"))
    }

    fn first_line(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let said = self.project.tool(text(program)?, arguments.iter().copied()).output()?;
        Ok(String::from_utf8(said)?.lines().next().unwrap_or_default().to_owned())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of this project is no text")
}
