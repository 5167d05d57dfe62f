//! What the steps need and a fresh machine may lack: npm packages, Python packages, websocat, curl, valgrind and a Chromium. Installs what it
//! may, else says in one sentence what to install. Never touches what is already there.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::instructions;
use crate::project::Project;

/// The Node.js that `sdk-ts/package.json` asks for.
const NODE_MAJOR_MIN: u32 = 20;

/// Names under which distributions install Chromium or a browser built from it.
const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Names a browser that is not on the search path.
pub(crate) const CHROMIUM_VARIABLE: &str = "FANFARE_CHROMIUM";

/// The Python packages that `tests/clients` needs.
const REQUIREMENTS: &str = "tests/clients/requirements.txt";

/// The last version of websocat that is no alpha.
const WEBSOCAT_VERSION: &str = "1.14.1";

/// Makes sure of Node.js, the npm packages of `sdk-ts`, curl, the Python packages and websocat for `tests/clients`, a
/// Chromium, and valgrind.
pub(crate) fn run(project: &Project) -> Result<()> {
    check_node(project)?;
    install_packages(project)?;
    project.tool("curl", ["--version"]).output()?;
    install_python_packages(project)?;
    install_websocat(project)?;
    if chromium().is_none() {
        install_chromium(project)?;
    }
    if instructions::is_countable() {
        valgrind(project)?;
    }
    Ok(())
}

/// The browser that the browser tests run in.
pub(crate) fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os(CHROMIUM_VARIABLE).map(PathBuf::from);
    named.or_else(|| CHROMIUM_NAMES.iter().find_map(|name| on_path(name)))
}

fn check_node(project: &Project) -> Result<()> {
    let version = String::from_utf8(project.tool("node", ["--version"]).output()?)?;
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    let major: u32 = major.parse().with_context(|| format!("cannot read `{}`", version.trim()))?;
    if major < NODE_MAJOR_MIN {
        bail!("node {major} is too old: install Node.js {NODE_MAJOR_MIN} or later");
    }
    Ok(())
}

fn install_packages(project: &Project) -> Result<()> {
    let lock = project.path("sdk-ts/package-lock.json");
    let locked = modified(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    // npm writes this file last, when everything is in place.
    let installed = modified(&project.path("sdk-ts/node_modules/.package-lock.json"));
    if installed.is_some_and(|installed| installed >= locked) {
        return Ok(());
    }
    project.npm(["ci", "--no-audit", "--no-fund"]).run()
}

/// Into an environment of its own below the target directory; what is on the machine stays as it is.
fn install_python_packages(project: &Project) -> Result<()> {
    let wanted = project.path(REQUIREMENTS);
    let text = std::fs::read_to_string(&wanted).with_context(|| format!("{} is missing", wanted.display()))?;
    let environment = project.target()?.join("python");
    // Written last, when everything is in place.
    let installed = environment.join("requirements.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    let place = environment.to_str().context("the target directory has a name that is no text")?;
    project.tool("python3", ["-m", "venv", "--clear", place]).run()?;
    let python = environment.join("bin/python");
    let python = python.to_str().context("the target directory has a name that is no text")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", REQUIREMENTS];
    project.tool(python, pip).run()?;
    std::fs::write(&installed, text).with_context(|| format!("cannot write {}", installed.display()))
}

/// Debian has no package of it. Below the target directory, as the Python packages; built once, which takes a minute.
fn install_websocat(project: &Project) -> Result<()> {
    let place = project.target()?.join("tools");
    let path = |below: &str| place.join(below).to_str().map(str::to_owned).context("the target directory is no text");
    let websocat = path("bin/websocat")?;
    let version = || project.tool(&websocat, ["--version"]).output();
    if Path::new(&websocat).is_file() && version()? == format!("websocat {WEBSOCAT_VERSION}\n").as_bytes() {
        return Ok(());
    }
    // In a directory of its own: the builds of the project and this one share nothing and would wait for each other.
    let (root, build) = (path("")?, path("build")?);
    let what = ["install", "websocat", "--version", WEBSOCAT_VERSION, "--locked", "--force", "--no-default-features"];
    let how = ["--quiet", "--debug", "--root", &root, "--target-dir", &build];
    project.cargo(what.into_iter().chain(how)).env("CARGO_PROFILE_DEV_DEBUG", "0").run()?;
    std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {build}"))?;
    version().map(drop)
}

fn install_chromium(project: &Project) -> Result<()> {
    if !is_debian() || !is_root(project) {
        bail!(
            "no Chromium found: install it (Debian: `apt-get install chromium` as root), or name a \
             browser in {CHROMIUM_VARIABLE}"
        );
    }
    apt_install(project, "chromium")?;
    chromium().map(drop).context("apt-get installed chromium, yet it is not on the search path")
}

/// Makes sure of valgrind, whose callgrind counts instructions.
pub(crate) fn valgrind(project: &Project) -> Result<()> {
    if on_path("valgrind").is_some() {
        return Ok(());
    }
    if !is_debian() || !is_root(project) {
        bail!("no valgrind found: install it (Debian: `apt-get install valgrind` as root)");
    }
    apt_install(project, "valgrind")?;
    on_path("valgrind").map(drop).context("apt-get installed valgrind, yet it is not on the search path")
}

fn apt_install(project: &Project, package: &str) -> Result<()> {
    let apt = |args: &[&str]| {
        let tool = project.tool("apt-get", args.iter().copied());
        tool.env("DEBIAN_FRONTEND", "noninteractive").run()
    };
    apt(&["update", "--quiet"])?;
    apt(&["install", "--quiet", "--yes", "--no-install-recommends", package])
}

pub(crate) fn is_root(project: &Project) -> bool {
    project.tool("id", ["-u"]).output().is_ok_and(|id| id.trim_ascii() == b"0")
}

/// Debian itself: Ubuntu's package of this name is a snap, which a container cannot run.
pub(crate) fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line.trim() == "ID=debian")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn modified(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}
