//! What the laboratory needs on this machine: the programs of the distribution, and Kafka's jars by Maven.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use ring::digest;

/// The programs and jars, all there.
#[derive(Debug, Clone)]
pub(crate) struct Artifacts {
    /// Runs Kafka.
    pub(crate) java: PathBuf,
    /// Prometheus.
    pub(crate) prometheus: PathBuf,
    /// The node exporter.
    pub(crate) node_exporter: PathBuf,
    /// The folder of Kafka's jars and of the JMX agent.
    jars: PathBuf,
}

impl Artifacts {
    /// Finds everything; `run_maven` runs Maven with the given arguments where the jars are not cached yet.
    ///
    /// Several laboratories may start at once: one of them downloads, the others wait for it.
    pub(crate) fn prepare(
        run_maven: impl FnOnce(&Path, &[&str]) -> Result<(), ArtifactError>,
    ) -> Result<Self, ArtifactError> {
        let jars = cache_folder()?;
        let complete = jars.join("complete");
        let programs = Programs::find(complete.exists())?;
        if let Some(maven) = programs.maven {
            fs::create_dir_all(&jars)?;
            let lock = File::create(jars.join("lock"))?;
            lock.lock()?;
            // Another laboratory may have finished the download while this one waited for the lock.
            if !complete.exists() {
                let pom = jars.join("pom.xml");
                fs::write(&pom, POM)?;
                run_maven(&maven, &["-q", "-B", "-f", &pom.to_string_lossy(), "package"])?;
                fs::write(complete, "")?;
            }
        }
        let Programs { java, prometheus, node_exporter, maven: _ } = programs;
        Ok(Self { java, prometheus, node_exporter, jars })
    }

    /// The class path that has all of Kafka.
    pub(crate) fn class_path(&self) -> String {
        self.jars.join("libs").join("*").to_string_lossy().into_owned()
    }

    /// The Java agent that shows a process's MBeans to Prometheus.
    pub(crate) fn jmx_agent(&self) -> PathBuf {
        self.jars.join("agent").join("jmx_prometheus_javaagent.jar")
    }
}

/// Why something that the laboratory needs is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ArtifactError {
    /// Programs are missing.
    #[error("find {}: install with `apt-get install --no-install-recommends {}`", names(.0), packages(.0))]
    Missing(Vec<Program>),
    /// There is nowhere to keep the jars.
    #[error("choose a folder for the jars: set RAMP_LAB_CACHE, XDG_CACHE_HOME or HOME to an absolute path")]
    NoCacheFolder,
    /// Maven failed.
    #[error("download Kafka's jars with Maven (check the network or Maven's settings.xml); it said:\n{0}")]
    Maven(String),
    /// The system refused.
    #[error("prepare the folder of the jars")]
    Io(#[from] io::Error),
}

/// A program of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it can be called, the first name found being taken.
    names: &'static [&'static str],
    /// The Debian package that has it.
    package: &'static str,
}

const JAVA: Program = Program { names: &["java"], package: "openjdk-17-jre-headless" };
const MAVEN: Program = Program { names: &["mvn"], package: "maven" };
const PROMETHEUS: Program = Program { names: &["prometheus"], package: "prometheus" };
const NODE_EXPORTER: Program =
    Program { names: &["prometheus-node-exporter", "node_exporter"], package: "prometheus-node-exporter" };

struct Programs {
    java: PathBuf,
    /// Only looked for where there is something to download.
    maven: Option<PathBuf>,
    prometheus: PathBuf,
    node_exporter: PathBuf,
}

impl Programs {
    fn find(jars_cached: bool) -> Result<Self, ArtifactError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&path).collect();
        let mut missing = Vec::new();
        let mut locate = |program| {
            let found = locate(program, &folders);
            if found.is_none() {
                missing.push(program);
            }
            found
        };
        let maven = if jars_cached { None } else { locate(MAVEN) };
        let found = (locate(JAVA), locate(PROMETHEUS), locate(NODE_EXPORTER));
        match found {
            (Some(java), Some(prometheus), Some(node_exporter)) if missing.is_empty() => {
                Ok(Self { java, maven, prometheus, node_exporter })
            }
            _ => Err(ArtifactError::Missing(missing)),
        }
    }
}

fn locate(program: Program, folders: &[PathBuf]) -> Option<PathBuf> {
    let candidates = folders.iter().flat_map(|folder| program.names.iter().map(|name| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

fn names(programs: &[Program]) -> String {
    programs.iter().map(|program| program.names[0]).collect::<Vec<_>>().join(", ")
}

fn packages(programs: &[Program]) -> String {
    programs.iter().map(|program| program.package).collect::<Vec<_>>().join(" ")
}

/// The folder of the jars, whose name changes with what is asked of Maven.
fn cache_folder() -> Result<PathBuf, ArtifactError> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("RAMP_LAB_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("ramp-lab")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache").join("ramp-lab")))
        .ok_or(ArtifactError::NoCacheFolder)?;
    Ok(cache.join(fingerprint(POM)))
}

fn fingerprint(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).fold(String::new(), |mut name, byte| {
        write!(name, "{byte:02x}").expect("a string takes any text");
        name
    })
}

const POM: &str = include_str!("../../../fixtures/lab/pom.xml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_programs_are_named_at_once_with_their_packages() {
        let message = ArtifactError::Missing(vec![MAVEN, JAVA, NODE_EXPORTER]).to_string();
        assert_eq!(
            message,
            "find mvn, java, prometheus-node-exporter: install with `apt-get install --no-install-recommends \
             maven openjdk-17-jre-headless prometheus-node-exporter`"
        );
    }

    #[test]
    fn a_program_is_found_under_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        assert_eq!(locate(NODE_EXPORTER, &folders), None);
        fs::write(folder.path().join("node_exporter"), "").unwrap();
        assert_eq!(locate(NODE_EXPORTER, &folders), Some(folder.path().join("node_exporter")));
    }

    #[test]
    fn another_pom_has_another_cache_folder() {
        assert_eq!(fingerprint(POM), fingerprint(POM));
        assert_ne!(fingerprint(POM), fingerprint(&POM.replace("4.3.1", "4.3.2")));
    }
}
