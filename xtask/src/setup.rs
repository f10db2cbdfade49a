//! What the tests need of the machine, installed where that may be.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command::{Failure, execute, output};

/// A program, the Debian package that has it, and what it is for.
struct Need {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

/// Installs what is missing as root on Debian; elsewhere says what to install.
pub(crate) fn run() -> Result<(), Failure> {
    components()?;
    let missing: Vec<_> = NEEDS.iter().filter(|need| !is_there(need)).collect();
    if missing.is_empty() {
        println!("every program is there");
        return Ok(());
    }
    for need in &missing {
        println!("missing: {} ({})", need.program, need.purpose);
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    let command = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let may_install = is_root() && find("apt-get").is_some();
    if !may_install {
        return Err(Failure::Wrong(format!("as root on Debian or Ubuntu run: {command}")));
    }
    let _quiet = NoServices::begin()?;
    execute(apt().arg("update"), "apt-get update")?;
    // Releases that have left Java 17 behind have a later one under this name.
    let known = output(Path::new("apt-cache"), &["show", JAVA]).is_some_and(|answer| answer.success);
    let packages: Vec<_> = packages
        .into_iter()
        .map(|package| if package == JAVA && !known { ANY_JAVA } else { package })
        .collect();
    let command = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    execute(apt().args(["install", "-y", "--no-install-recommends"]).args(packages), &command)
}

/// The toolchain's own parts; the toolchain itself is named in rust-toolchain.toml.
fn components() -> Result<(), Failure> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let there = output(Path::new(env!("CARGO")), &[subcommand, "--version"]);
        if there.is_none_or(|there| !there.success) {
            let command = format!("rustup component add {component}");
            execute(Command::new("rustup").args(["component", "add", component]), &command)?;
        }
    }
    Ok(())
}

fn is_there(need: &Need) -> bool {
    let Some(path) = find(need.program) else { return false };
    need.program != "java" || java_release(&path).is_some_and(|release| release >= LEAST_JAVA)
}

/// The release of a Java: 17 for `openjdk version "17.0.15"`.
fn java_release(java: &Path) -> Option<u32> {
    // A Java tells its version on standard error.
    output(java, &["-version"])?.stderr.split('"').nth(1)?.split(['.', '-']).next()?.parse().ok()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // Debian keeps a few of them where only root's PATH leads.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    output(Path::new("id"), &["-u"]).is_some_and(|user| user.stdout.trim() == "0")
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While it lives, installed packages do not start their services: the tests start their own.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self, Failure> {
        let policy = Path::new(POLICY);
        // One that an interrupted set-up of ours has left behind is taken over.
        if policy.exists() && fs::read_to_string(policy).ok().as_deref() != Some(REFUSAL) {
            return Ok(Self { ours: false });
        }
        let failed = |error| Failure::Wrong(format!("cannot write {POLICY}: {error}"));
        fs::write(policy, REFUSAL).map_err(failed)?;
        let guard = Self { ours: true };
        fs::set_permissions(policy, Permissions::from_mode(0o755)).map_err(failed)?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("xtask: remove {POLICY} by hand: {error}");
        }
    }
}

/// What Debian's packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

const REFUSAL: &str = "#!/bin/sh\n# written by `cargo xtask test` while it installs packages\nexit 101\n";

const LEAST_JAVA: u32 = 17;
const JAVA: &str = "openjdk-17-jre-headless";
const ANY_JAVA: &str = "default-jre-headless";

const NEEDS: [Need; 11] = [
    Need { program: "cc", package: "gcc", purpose: "librdkafka" },
    Need { program: "c++", package: "g++", purpose: "librdkafka" },
    Need { program: "make", package: "make", purpose: "librdkafka" },
    Need { program: "cmake", package: "cmake", purpose: "the TLS of the Prometheus client" },
    Need { program: "perl", package: "perl", purpose: "OpenSSL" },
    Need { program: "java", package: JAVA, purpose: "Kafka" },
    Need { program: "mvn", package: "maven", purpose: "Kafka's jars" },
    Need { program: "prometheus", package: "prometheus", purpose: "the laboratory" },
    Need {
        program: "prometheus-node-exporter",
        package: "prometheus-node-exporter",
        purpose: "the laboratory",
    },
    Need { program: "chromium", package: "chromium", purpose: "the HTML report in a browser" },
    Need { program: "xmllint", package: "libxml2-utils", purpose: "the JUnit report against its schema" },
];
