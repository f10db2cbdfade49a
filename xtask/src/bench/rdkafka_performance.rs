//! librdkafka's own benchmark, built from the sources that the rdkafka-sys crate brings: the same client in C.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::broker::{folder, wrong};
use crate::command::{Failure, execute, output};

/// Builds it where it is not built yet.
pub(super) fn build() -> Result<PathBuf, Failure> {
    let folder = folder("librdkafka");
    let program = folder.join("examples/rdkafka_performance");
    if program.is_file() {
        return Ok(program);
    }
    let sources = sources()?;
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(|error| wrong(&error.to_string()))?;
    }
    execute(Command::new("cp").arg("-r").arg(&sources).arg(&folder), "cp -r librdkafka")?;
    execute(Command::new("chmod").args(["-R", "u+w"]).arg(&folder), "chmod -R u+w librdkafka")?;
    // Through a shell: the programs must run in the copy, and steps run in the repository.
    let script = "cd \"$0\" && ./configure --disable-ssl --disable-gssapi --disable-curl --disable-zstd \
        --disable-lz4-ext >build.log 2>&1 && make -C src >>build.log 2>&1 && \
        make -C examples rdkafka_performance >>build.log 2>&1";
    execute(Command::new("sh").args(["-c", script]).arg(&folder), &format!("make in {}", folder.display()))?;
    Ok(program)
}

fn sources() -> Result<PathBuf, Failure> {
    let metadata = output(Path::new(env!("CARGO")), &["metadata", "--format-version", "1", "--locked"]);
    let metadata =
        metadata.filter(|metadata| metadata.success).ok_or_else(|| wrong("cargo metadata failed"))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata.stdout).map_err(|error| wrong(&error.to_string()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == "rdkafka-sys")
        .find_map(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    folder.map(|folder| folder.join("librdkafka")).ok_or_else(|| wrong("cargo knows no rdkafka-sys"))
}
